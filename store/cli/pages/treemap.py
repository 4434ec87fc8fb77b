"""A squarified treemap as SVG: areas are bytes, groups are kinds of objects.

The layout is that of Bruls, Huizing and van Wijk, "Squarified Treemaps" (2000): rows are filled
along the shorter side for as long as the tiles get squarer by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from store.cli.pages.page import visible
from store.cli.pages.text_width import fitted, text_width

GAP = 3.0
HEAD = 18.0
"""Pixels between groups, and above each for its name."""

LETTERS = 11.0
HEAD_LETTERS = 12.0
"""Sizes of the fonts of labels and of groups' names, in pixels, as ``space.css`` has them."""

LINE = 13.0


@dataclass(frozen=True)
class Tile:
    """``size`` in bytes; ``title`` has the lines that pointing at it shows; ``kind`` is a class of
    the style."""

    label: str
    detail: str
    title: str
    size: float
    kind: str


@dataclass
class Group:
    """Tiles under a heading, and the class of the style that colours them."""

    name: str
    kind: str
    tiles: list[Tile] = field(default_factory=list)

    @property
    def size(self) -> float:
        """Bytes of all tiles."""
        return sum(tile.size for tile in self.tiles)


@dataclass(frozen=True)
class Rectangle:
    """A place on the picture, in pixels."""

    x: float
    y: float
    width: float
    height: float

    def inside(self, top: float, margin: float) -> Rectangle:
        """Return the rest of it within a margin, and below a heading."""
        return Rectangle(
            self.x + margin,
            self.y + margin + top,
            max(0.0, self.width - 2 * margin),
            max(0.0, self.height - 2 * margin - top),
        )


def squarify(sizes: Sequence[float], box: Rectangle) -> list[Rectangle]:
    """Return a box for each size, in order; their areas are in proportion, and fill ``box``.

    ``sizes`` are positive and descending.
    """
    total = sum(sizes)
    if not sizes or total <= 0:
        return []
    scale = box.width * box.height / total
    areas = [size * scale for size in sizes]
    placed: list[Rectangle] = []
    rest, start = box, 0
    while start < len(areas):
        side = min(rest.width, rest.height)
        end = start + 1
        while end < len(areas) and _worst(areas, start, end + 1, side) <= _worst(
            areas, start, end, side
        ):
            end += 1
        row, rest = _row(areas[start:end], rest, last=end == len(areas))
        placed += row
        start = end
    return placed


def _worst(areas: Sequence[float], start: int, end: int, side: float) -> float:
    """Return the least square of a row's tiles: the greater of its ratios of sides."""
    row = areas[start:end]
    total = sum(row)
    if total <= 0 or side <= 0:
        return float("inf")
    return max(side * side * row[0] / total**2, total**2 / (side * side * max(row[-1], 1e-12)))


def _row(row: Sequence[float], box: Rectangle, *, last: bool) -> tuple[list[Rectangle], Rectangle]:
    """Return the boxes of a row along the shorter side, and the rest."""
    total, upright = sum(row), box.width >= box.height
    side = min(box.width, box.height)
    depth = total / side if side > 0 else 0.0
    if last:
        depth = max(box.width, box.height)
    placed, at = [], 0.0
    for area in row:
        length = side * area / total if total > 0 else 0.0
        if upright:
            placed.append(Rectangle(box.x, box.y + at, depth, length))
        else:
            placed.append(Rectangle(box.x + at, box.y, length, depth))
        at += length
    if upright:
        return placed, Rectangle(box.x + depth, box.y, max(0.0, box.width - depth), box.height)
    return placed, Rectangle(box.x, box.y + depth, box.width, max(0.0, box.height - depth))


def svg(groups: Sequence[Group], width: int, height: int, kind: str, label: str) -> str:
    """Return the picture; ``kind`` is its class, ``label`` what it is called where it cannot be
    seen."""
    shown = sorted((group for group in groups if group.size > 0), key=lambda group: -group.size)
    places = squarify([group.size for group in shown], Rectangle(0, 0, width, height))
    parts = [_group(group, box) for group, box in zip(shown, places, strict=True)]
    return (
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{visible(label)}">{"".join(parts)}</svg>'
    )


def _group(group: Group, box: Rectangle) -> str:
    head = HEAD if box.height > 3 * HEAD and box.width > 40 else 0.0
    inside = box.inside(head, GAP / 2)
    tiles = sorted((tile for tile in group.tiles if tile.size > 0), key=lambda tile: -tile.size)
    places = squarify([tile.size for tile in tiles], inside)
    parts = [_tile(tile, place) for tile, place in zip(tiles, places, strict=True)]
    if head:
        name = fitted(group.name, box.width - 4 * GAP, HEAD_LETTERS, bold=True)
        parts.append(
            f'<text class="group" x="{box.x + GAP:.1f}" y="{box.y + HEAD - 3:.1f}">{name}</text>'
        )
    return f'<g class="{group.kind}">{"".join(parts)}</g>'


def _tile(tile: Tile, box: Rectangle) -> str:
    rect = (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"/>'
    )
    lines, room = [], box.width - 8
    if box.width > 34 and box.height > LINE + 4:
        lines.append(fitted(tile.label, room, LETTERS))
    if lines and box.height > 2 * LINE + 4 and text_width(tile.detail, LETTERS) <= room:
        lines.append(visible(tile.detail))
    text = "".join(
        f'<text x="{box.x + 4:.1f}" y="{box.y + LINE * (at + 1):.1f}">{line}</text>'
        for at, line in enumerate(lines)
    )
    title = "\n".join(map(visible, tile.title.split("\n")))
    return f'<g class="tile {tile.kind}"><title>{title}</title>{rect}{text}</g>'
