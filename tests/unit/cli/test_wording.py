"""Counts are phrased in the right number, and names cannot steer a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.cli.wording import counted, printable


@pytest.mark.parametrize(
    ("count", "thing", "text"),
    [
        (0, "object", "0 objects"),
        (1, "object", "1 object"),
        (2, "object", "2 objects"),
        (1, "process", "1 process"),
        (3, "process", "3 processes"),
        (1000, "root", "1000 roots"),
    ],
)
def test_a_thing_is_in_the_number_of_its_count(count: int, thing: str, text: str) -> None:
    assert counted(count, thing) == text


def test_the_number_is_written_as_is_asked_for() -> None:
    assert counted(12345, "file", ",") == "12,345 files"
    assert counted(1, " root", ">5,") == "    1  root"


@given(st.text())
def test_what_is_shown_is_one_line_without_codes(text: str) -> None:
    assert printable(text).isprintable()
    assert not text.isprintable() or printable(text) == text


def test_what_cannot_be_seen_is_told_by_its_code() -> None:
    assert printable("a\nb\x1b[31m\udcff\u202e") == r"a\nb\x1b[31m\udcff\u202e"
