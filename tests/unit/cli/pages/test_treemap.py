"""The layout of the treemap: areas in proportion, nothing outside, nothing on top of another."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.cli.pages.text_width import text_width
from store.cli.pages.treemap import LETTERS, Group, Rectangle, Tile, squarify, svg

PLACE = Rectangle(10, 20, 600, 400)


@given(st.lists(st.floats(1, 1e12), min_size=1, max_size=60))
def test_areas_are_in_proportion_and_fill_the_place(sizes: list[float]) -> None:
    sizes.sort(reverse=True)
    boxes = squarify(sizes, PLACE)
    whole = PLACE.width * PLACE.height
    assert len(boxes) == len(sizes)
    for size, box in zip(sizes, boxes, strict=True):
        share = size / sum(sizes)
        assert box.width * box.height / whole == pytest.approx(share, rel=1e-4, abs=1e-9)
        assert box.x >= PLACE.x - 1e-3
        assert box.y >= PLACE.y - 1e-3
        assert box.x + box.width <= PLACE.x + PLACE.width + 1e-3
        assert box.y + box.height <= PLACE.y + PLACE.height + 1e-3


@given(st.lists(st.floats(1, 1000), min_size=2, max_size=20))
def test_no_box_lies_on_another(sizes: list[float]) -> None:
    boxes = squarify(sorted(sizes, reverse=True), PLACE)
    for at, first in enumerate(boxes):
        for second in boxes[at + 1 :]:
            across = min(first.x + first.width, second.x + second.width) - max(first.x, second.x)
            along = min(first.y + first.height, second.y + second.height) - max(first.y, second.y)
            assert min(across, along) < 1e-3


def test_boxes_of_one_size_are_nearly_square() -> None:
    for box in squarify([1.0] * 24, Rectangle(0, 0, 600, 400)):
        assert 0.5 <= box.width / box.height <= 2


def test_the_sizes_of_the_published_example_are_laid_out_as_there() -> None:
    boxes = squarify([6, 6, 4, 3, 2, 2, 1], Rectangle(0, 0, 6, 4))
    found = [(round(b.x, 2), round(b.y, 2), round(b.width, 2), round(b.height, 2)) for b in boxes]
    assert found[:4] == [(0, 0, 3, 2), (0, 2, 3, 2), (3, 0, 1.71, 2.33), (4.71, 0, 1.29, 2.33)]


def test_nothing_has_no_boxes() -> None:
    assert squarify([], PLACE) == []
    picture = svg([Group("empty", "first")], 100, 100, "wide", "nothing")
    assert len(ElementTree.fromstring(picture)) == 0


def test_names_are_escaped_and_what_cannot_be_seen_is_shown() -> None:
    tile = Tile("<b>&", "1 B", "</title><script>\u202e", 1.0, "object")
    picture = svg([Group("a<b", "first", [tile])], 400, 300, "wide", '"quoted"')
    assert "<script>" not in picture
    root = ElementTree.fromstring(picture)
    text = "".join(root.itertext())
    assert "<b>&" in text
    assert "a<b" in text
    assert "\\u202e" in text


@pytest.mark.parametrize("label", ["g++-12.2.0", "illicit", "WWWWWWWWWWWW"])
def test_a_label_stays_in_its_tile_whatever_its_letters(label: str) -> None:
    labelled = 0
    for width in range(20, 140):
        tile = Tile(label, "999.9 MiB", "", 1.0, "object")
        root = ElementTree.fromstring(svg([Group("a", "first", [tile])], width, 90, "wide", ""))
        (place,) = root.iterfind(".//g[@class='tile object']")
        (rect,) = place.iterfind("rect")
        right = float(rect.get("x", "")) + float(rect.get("width", ""))
        for line in place.iterfind("text"):
            labelled += 1
            assert float(line.get("x", "")) + text_width(line.text or "", LETTERS) <= right
    assert labelled > 100
