"""A pin is compared with the releases of its source, and with the files of its project."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.pinning import calls, checking, table
from scripts.pinning.calls import Pin
from scripts.pinning.checking import Finding
from scripts.pinning.index import PoolFile, Release
from scripts.pinning.python_index import PythonFile

ONE, TWO, THREE = "1" * 64, "2" * 64, "3" * 64


def pin(call: str) -> Pin:
    code = f"from derivations.kit import debian, debian_patches, pypi, url\nA = {call}\n"
    [found] = calls.read(Path("/t/recipes/a.py"), code.encode())
    assert isinstance(found, Pin), found
    return found


def release(suite: str, version: str, *files: tuple[str, str]) -> Release:
    pool = tuple(PoolFile(name, sha256, 1) for name, sha256 in files)
    return Release(suite, "nginx", version, "n/nginx", "", "", "", pool)


def orig(suite: str, version: str, sha256: str) -> Release:
    upstream = version.rpartition(":")[2].partition("-")[0]
    return release(suite, version, (f"nginx_{upstream}.orig.tar.gz", sha256))


OLD = orig("bookworm", "1.22-9+deb12u4", ONE)
STABLE = [orig("trixie-security", "1.26-3+deb13u10", TWO), orig("trixie", "1.26-3+deb13u2", TWO)]
NEW = orig("sid", "1.30-1", THREE)
RELEASES = [NEW, *STABLE, OLD]


def found_for(version: str, sha256: str, releases: list[Release] = RELEASES) -> Finding:
    call = f'debian("n/nginx/nginx_{version}.orig.tar.gz", "{sha256}")'
    return checking.of_debian(pin(call), releases)


def test_a_pin_at_stables_version_is_current_with_the_updates_counted() -> None:
    found = found_for("1.26", TWO)
    assert (found.state, found.updates) == ("current", 10)
    assert found.suites == ("trixie", "trixie-security")
    assert found.stable and found.newest
    assert (found.stable.version, found.newest.version) == ("1.26", "1.30")
    assert found.stable.address == "n/nginx/nginx_1.26.orig.tar.gz"


def test_a_pin_of_an_older_suite_is_behind() -> None:
    found = found_for("1.22", ONE)
    assert (found.state, found.updates, found.suites) == ("behind", 4, ("bookworm",))
    assert not found.is_good


def test_a_pin_ahead_of_stable_is_current() -> None:
    assert found_for("1.30", THREE).state == "current"


def test_a_file_in_no_index_is_unlisted() -> None:
    assert found_for("1.26", ONE.replace("1", "f")).state == "unlisted"
    found = found_for("1.27", THREE, [])
    assert (found.state, found.stable, found.newest) == ("unlisted", None, None)


def test_an_epoch_and_a_repacked_name_count_as_in_the_files_name() -> None:
    releases = [orig("trixie", "1:1.3.dfsg+really1.3.1-1", ONE)]
    call = f'debian("n/nginx/nginx_1.3.dfsg+really1.3.1.orig.tar.gz", "{ONE}", version="1.3.1")'
    found = checking.of_debian(pin(call), releases)
    assert found.state == "current" and found.stable and found.stable.version == "1.3.1"


def test_changes_of_debians_are_compared_with_those_for_the_same_version() -> None:
    files = [f"nginx_1.26-3+deb13u{number}.debian.tar.xz" for number in (2, 10)]
    releases = [
        release("sid", "1.30-1", ("nginx_1.30-1.debian.tar.xz", THREE)),
        release("trixie-security", "1.26-3+deb13u10", (files[1], TWO)),
        release("trixie", "1.26-3+deb13u2", (files[0], ONE)),
    ]
    found = checking.of_debian(pin(f'debian_patches("n/nginx/{files[0]}", "{ONE}", "a")'), releases)
    assert found.state == "behind" and found.newest == found.stable
    assert found.stable and found.stable.address.endswith(files[1])
    found = checking.of_debian(pin(f'debian_patches("n/nginx/{files[1]}", "{TWO}", "a")'), releases)
    assert found.state == "current" and not found.updates


def test_a_binary_package_is_compared_by_its_version() -> None:
    call = f'debian("n/nginx/nginx_1.22-9+deb12u4_amd64.deb", "{THREE}", options=())'
    found = checking.of_debian(pin(call), RELEASES)
    assert found.by_version and (found.state, found.suites) == ("behind", ("bookworm",))


def test_native_and_further_archives_are_compared_with_their_like() -> None:
    releases = [
        release("trixie", "2", ("nginx_2.tar.xz", TWO)),
        release("bookworm", "1-1", ("nginx_1.orig.tar.xz", ONE), ("nginx_1.orig-git.tar.xz", TWO)),
    ]
    found = checking.of_debian(pin(f'debian("n/nginx/nginx_1.tar.xz", "{ONE}")'), releases)
    assert found.newest and found.newest.address == "n/nginx/nginx_2.tar.xz"
    call = f'debian("n/nginx/nginx_1.orig-git.tar.xz", "{TWO}")'
    found = checking.of_debian(pin(call), releases)
    assert found.newest and found.newest.sha256 == TWO and found.stable is None


FILES = [
    PythonFile("flit_core-3.9.tar.gz", "3.9", ONE, False),
    PythonFile("flit_core-3.10.zip", "3.10", TWO, False),
    PythonFile("flit_core-3.10.tar.gz", "3.10", THREE, False),
    PythonFile("flit_core-4.0rc1.tar.gz", "4.0rc1", ONE, False),
    PythonFile("flit_core-5.tar.gz", "5", ONE, True),
]


def test_a_python_archive_is_compared_with_final_releases_that_stand() -> None:
    found = checking.of_python(pin(f'pypi("flit_core-3.9.tar.gz", "{ONE}")'), FILES)
    assert (found.state, found.suites) == ("behind", ("index",))
    assert found.newest and found.newest.address == "flit_core-3.10.tar.gz"
    found = checking.of_python(pin(f'pypi("flit_core-3.10.tar.gz", "{ONE}")'), FILES)
    assert found.state == "unlisted", "another file of that name"


def test_a_url_is_in_no_index_and_nothing_to_complain_of() -> None:
    call = f'url("https://x.test/a.zip", "{ONE}", name="a", version="1")'
    [found] = checking.check([pin(call)], pytest.fail, pytest.fail)
    assert found.state == "unknown" and found.is_good


def test_the_table_says_all_in_words() -> None:
    lines = list(table.rows([found_for("1.26", TWO), found_for("1.22", ONE)]))
    assert lines[0].split()[:5] == ["pin", "pinned", "stable", "newest", "state"]
    assert lines[1].split()[:5] == ["nginx", "1.26", "1.26", "1.30", "current"]
    assert lines[1].endswith("trixie, trixie-security; the suite patches it 10 times")
    [value] = table.values([found_for("1.22", ONE)], Path("/t"))
    assert (value["file"], value["line"], value["state"]) == ("recipes/a.py", 2, "behind")
