"""The private sources of apt follow the machine's own configuration."""

from __future__ import annotations

import pytest

from scripts.pinning import suites
from store.errors import StoreError
from store.fetch.mirrors import SourceEntry

MAIN = SourceEntry("http://main.test/debian", ("main",), ("bookworm", "bookworm-updates"), "/k.gpg")
SECURITY = SourceEntry("http://safe.test/sec", ("main",), ("bookworm-security",), "/s.gpg")
OTHER = SourceEntry("https://other.test/apt", ("main",), ("cloud-bookworm",), "/o.gpg")


def test_each_suite_is_asked_for_where_the_machine_has_its_archive() -> None:
    released, moving, security = suites.stanzas([OTHER, SECURITY, MAIN]).split("\n\n")
    assert released.splitlines() == [
        "Types: deb-src",
        "URIs: http://main.test/debian",
        "Suites: bookworm trixie",
        "Components: main",
        "Signed-By: /k.gpg",
    ]
    assert "Suites: forky sid" in moving and "Check-Valid-Until: no" in moving
    assert "Check-Valid-Until" not in released + security
    assert "URIs: http://safe.test/sec\nSuites: bookworm-security trixie-security" in security
    assert "Signed-By: /s.gpg" in security


def test_a_mirror_of_the_users_comes_first_and_keeps_the_keys() -> None:
    text = suites.stanzas([MAIN], "http://mine.test/debian, http://second.test/d")
    assert "main.test" not in text and text.count("URIs: http://mine.test/debian\n") == 2
    assert text.count("Signed-By: /k.gpg") == 2
    assert "security" not in text


def test_a_key_within_the_sources_is_handed_on_as_a_field() -> None:
    entry = SourceEntry("http://x.test", ("main",), ("sid",), "\n-----BEGIN\n.\nabc\n-----END")
    text = suites.stanzas([entry])
    assert "Signed-By: \n -----BEGIN\n .\n abc\n -----END\n" in text


def test_a_machine_without_an_archive_of_debians_is_an_error_with_a_remedy() -> None:
    cdrom = SourceEntry("cdrom:[Debian]/", ("main",), ("trixie",))
    with pytest.raises(StoreError) as caught:
        suites.stanzas([OTHER, cdrom])
    assert "STORE_DEBIAN_MIRROR" in str(caught.value.hint)


def test_a_suite_of_updates_belongs_to_its_own() -> None:
    assert suites.family("trixie-security") == suites.family("trixie") == "trixie"
