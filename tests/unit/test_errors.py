"""Errors, and what their messages show."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from store.errors import printable


@given(st.text())
def test_what_is_shown_is_one_line_without_codes(text: str) -> None:
    assert printable(text).isprintable()
    assert not text.isprintable() or printable(text) == text


def test_what_cannot_be_seen_is_told_by_its_code() -> None:
    assert printable("a\nb\x1b[31m\udcff\u202e") == r"a\nb\x1b[31m\xff\u202e"
