"""How much of a text fits into a picture; a browser holds the widths: tests/integration."""

from __future__ import annotations

from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.cli.pages.text_width import fitted, text_width
from store.display import printable


@given(st.text(), st.floats(0, 300), st.booleans())
def test_what_is_left_of_a_text_is_no_wider_than_its_room(
    text: str, room: float, bold: bool
) -> None:
    shown = unescape(fitted(text, room, 11, bold=bold))
    assert text_width(shown, 11, bold=bold) <= room + 1e-6
    if shown != printable(text):
        assert not shown or (len(shown) > 1 and printable(text).startswith(shown[:-1]))
        assert not shown or shown[-1] == "…"


def test_wide_letters_leave_less_of_a_text() -> None:
    assert fitted("illicit-12", 40, 11) == "illicit…"
    assert fitted("g++-12.2.0", 40, 11) == "g++…"
    assert fitted("WWWWWWWWWW", 40, 11) == "WW…"


def test_a_text_that_fits_is_whole_and_nothing_stands_for_one_that_cannot() -> None:
    width = text_width("gcc", 11)
    assert fitted("gcc", width, 11) == "gcc"
    assert fitted("gcc", width - 0.1, 11) == "g…"
    assert fitted("gcc", text_width("g…", 11) - 0.1, 11) == ""


def test_a_code_for_what_cannot_be_seen_takes_its_width() -> None:
    assert fitted("\u202e<", 100, 11) == "\\u202e&lt;"
    assert text_width(unescape(fitted("\u202e" * 9, 100, 11)), 11) <= 100


def test_widths_grow_with_the_size_of_the_font() -> None:
    assert text_width("store", 22) == pytest.approx(2 * text_width("store", 11))
    assert text_width("store", 11, bold=True) > text_width("store", 11)
