"""Widths that texts in pictures are taken to have, against those in a browser."""

from __future__ import annotations

from pathlib import Path
from string import Template

import pytest

from store.cli.pages import picture, treemap
from store.cli.pages.page import policy_hash, resource, visible
from store.cli.pages.text_width import text_width
from tests.integration.browser import Browser

LETTERS = [*map(chr, range(0x20, 0x7F)), "…"]
TIMES = 20


def page(name: str, texts: str) -> str:
    """Return a page with the style of the pages ``name``, and a picture of each kind."""
    style = resource("page.css") + resource(f"{name}.css")
    pictures = "".join(
        f'<svg class="{kind}" viewBox="0 0 {width} 600">{texts}</svg>'
        for kind, width in (("wide", 1160), ("narrow", 360))
    )
    return Template(resource("page.html")).substitute(
        title="Letters", style=style, style_hash=policy_hash(style), body=pictures
    )


@pytest.mark.parametrize(
    ("name", "kind", "of", "size"),
    [
        ("space", "wide", "", treemap.LETTERS),
        ("space", "wide", "group", treemap.HEAD_LETTERS),
        ("space", "narrow", "", treemap.LETTERS),
        ("space", "narrow", "group", treemap.HEAD_LETTERS),
        ("report", "wide", "", picture.LETTERS),
        ("report", "wide", "stage", picture.HEAD_LETTERS),
        ("report", "narrow", "", picture.SMALL_LETTERS),
        ("report", "narrow", "stage", picture.SMALL_LETTERS),
    ],
)
def test_no_letter_is_wider_in_a_browser_than_it_is_taken_to_be(
    window: Browser, tmp_path: Path, name: str, kind: str, of: str, size: float
) -> None:
    texts = "".join(
        f'<text class="{of}" y="20" xml:space="preserve">{visible(letter * TIMES)}</text>'
        for letter in LETTERS
    )
    file = tmp_path / "letters.html"
    file.write_text(page(name, texts))
    window.open(file.as_uri())
    for screen in (900, 1000, 1200, 1900) if kind == "wide" else (320, 360, 390, 700):
        window.resize(screen, mobile=screen < 500)
        widths = window.run(
            "return [...document.querySelectorAll(`svg.${arguments[0]} text`)]"
            ".map(t => t.getComputedTextLength())",
            kind,
        )
        assert len(widths) == len(LETTERS) and min(widths) > 0, screen
        wider = {
            letter: width
            for letter, width in zip(LETTERS, widths, strict=True)
            if width > text_width(letter * TIMES, size, bold=bool(of))
        }
        assert not wider, screen
