"""The width of a text in a picture, known before a browser chooses the font."""

from __future__ import annotations

from itertools import accumulate, takewhile
from typing import Final

from store.cli.pages.page import visible
from store.display import printable

_CLASSES: Final = (
    (0.30, "'ijl"),
    (0.35, " ,./:;I\\|"),
    (0.40, "()-[]f"),
    (0.45, "!rt"),
    (0.50, '"*J`'),
    (0.55, "csz"),
    (0.60, "?L_kvxy"),
    (0.65, "$0123456789FTabdeghnopqu{}"),
    (0.70, "BEKPSVXYZ"),
    (0.75, "ACNRU"),
    (0.80, "&DGHOQ"),
    (0.85, "#+<=>^w~"),
    (0.90, "M"),
    (1.05, "%@Wm"),
)
"""Widths of letters in parts of the font's size: the wider one of DejaVu Sans and Arial, rounded
up, as browsers round to whole pixels. Other fonts of the pages are narrower."""

_WIDTHS: Final = {letter: width for width, letters in _CLASSES for letter in letters}

_OTHER: Final = 1.0
"""Of all other letters: as wide as the font is high, like an ideograph."""

_BOLD: Final = 1.15
"""A bold letter is no wider than its class by more than this."""


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return a width that a text in a font of ``size`` does not exceed; both in pixels."""
    return sum(_widths(text, size, bold=bold))


def fitted(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """Return as much of a text as fits into ``room``, for HTML; empty if that is not one letter.

    ``room``, and the font's ``size``, are in pixels. An ellipsis stands for the rest.
    """
    shown = printable(text)
    widths = _widths(shown, size, bold=bold)
    if sum(widths) <= room:
        return visible(shown)
    room -= text_width("…", size, bold=bold)
    fits = sum(1 for _ in takewhile(lambda end: end <= room, accumulate(widths)))
    return visible(shown[:fits] + "…") if fits else ""


def _widths(text: str, size: float, *, bold: bool) -> list[float]:
    factor = size * _BOLD if bold else size
    return [_WIDTHS.get(letter, _OTHER) * factor for letter in text]
