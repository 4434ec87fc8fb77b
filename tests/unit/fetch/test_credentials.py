"""A netrc file is read as curl reads it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.fetch.credentials import NetrcEntry, authorization, basic, find, parse_netrc, read_netrc


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("machine h login me password pw", [NetrcEntry("h", "me", "pw")]),
        ("machine h\n\tlogin me\n\tpassword pw\n", [NetrcEntry("h", "me", "pw")]),
        ("MACHINE H LOGIN me PASSWORD pw", [NetrcEntry("h", "me", "pw")]),
        ("machine h password pw login me account a", [NetrcEntry("h", "me", "pw")]),
        ('machine h login "a b" password "p\\"w\\\\x\\n"', [NetrcEntry("h", "a b", 'p"w\\x\n')]),
        ("machine h login me password p#w", [NetrcEntry("h", "me", "p#w")]),
        ("machine h login me password pw # password x", [NetrcEntry("h", "me", "pw")]),
        ('machine h login me password "#pw"', [NetrcEntry("h", "me", "#pw")]),
        ("machine h login me password #pw\naccount a", [NetrcEntry("h", "me", "account")]),
        ("MacDef x\nmachine h login l password m\n\nmachine h login me", [NetrcEntry("h", "me")]),
        (
            "# machine x login a password b\nmachine h login me password pw",
            [NetrcEntry("h", "me", "pw")],
        ),
        ("default login me password pw", [NetrcEntry(None, "me", "pw")]),
        ("machine a login x password y machine b", [NetrcEntry("a", "x", "y"), NetrcEntry("b")]),
        (
            "machine a login x password y\nmacdef init\nmachine z login l\n\nmachine b login m",
            [NetrcEntry("a", "x", "y"), NetrcEntry("b", "m")],
        ),
        ("odd line\nmachine h login me password pw\nport 80", [NetrcEntry("h", "me", "pw")]),
        ("machine", []),
        ("login me", []),
        ("machine h login", [NetrcEntry("h")]),
        ('machine h login "open', [NetrcEntry("h", "open")]),
        ("", []),
    ],
)
def test_entries_are_found_whatever_stands_around_them(
    text: str, expected: list[NetrcEntry]
) -> None:
    assert parse_netrc(text) == expected


@given(st.text(max_size=200))
def test_no_text_is_an_error(text: str) -> None:
    for entry in parse_netrc(f"machine {text} default login {text}"):
        assert authorization(None, "h", [entry]) is None or entry.login or entry.password


def test_the_first_entry_that_fits_counts() -> None:
    entries = parse_netrc(
        "machine a login x password 1\nmachine a login y password 2\n"
        "default login z password 3\nmachine b login w password 4"
    )
    assert find(entries, "A") == NetrcEntry("a", "x", "1")
    assert find(entries, "a", "y") == NetrcEntry("a", "y", "2")
    assert find(entries, "b") == NetrcEntry(None, "z", "3")
    assert find(entries[:2], "b") is None


def test_a_password_in_the_url_comes_first_and_a_user_alone_is_completed() -> None:
    entries = [NetrcEntry("h", "me", "pw")]
    assert authorization("u:p%40", "h", entries) == basic("u", "p@")
    assert authorization("me", "h", entries) == basic("me", "pw")
    assert authorization("other", "h", entries) == basic("other", "")
    assert authorization(None, "h", entries) == basic("me", "pw")
    assert authorization(None, "other", entries) is None


def test_the_file_is_the_one_that_netrc_names_else_the_homes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    assert read_netrc() == []
    real = tmp_path / "dotfiles"
    real.write_bytes(b"machine h login me password \xff")
    (tmp_path / ".netrc").symlink_to(real)
    assert read_netrc() == [NetrcEntry("h", "me", "\udcff")]
    other = tmp_path / "other"
    other.write_text("machine o login me password pw")
    monkeypatch.setenv("NETRC", str(other))
    assert [entry.host for entry in read_netrc()] == ["o"]


@pytest.mark.parametrize("make", ["mkdir", "mkfifo", "large", "absent"])
def test_a_file_that_is_none_gives_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: str
) -> None:
    path = tmp_path / "netrc"
    if make == "large":
        path.write_bytes(b"machine h login me password pw\n" * 100_000)
    elif make != "absent":
        getattr(os, make)(path)
    monkeypatch.setenv("NETRC", str(path))
    assert read_netrc() == []
