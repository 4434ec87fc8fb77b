"""A plot as an SVG of its own: panels side by side, logarithmic both ways."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 420, 300
_LEFT, _TOP, _RIGHT, _BOTTOM = 62, 34, 18, 44
_COLOURS = ("#1b6ca8", "#c8553d", "#3c8d5a", "#7a4fa0")


@dataclass(frozen=True)
class Line:
    """A name and points (x, y), all above 0."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Panel:
    """Lines over one x axis. ``slope`` draws what grows linearly, from the first line's end."""

    title: str
    x: str
    lines: tuple[Line, ...]
    linear: bool = False


def draw(panels: Sequence[Panel], title: str) -> str:
    """The SVG's text; it needs nothing from elsewhere."""
    width = WIDTH * len(panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT + 24}" '
        f'font-family="sans-serif" font-size="11" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{HEIGHT + 24}" fill="#fff"/>',
        f'<text x="{width / 2}" y="16" text-anchor="middle" font-size="12">{escape(title)}</text>',
    ]
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate({number * WIDTH} 22)">')
        parts += _panel(panel)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


@dataclass(frozen=True)
class _Axis:
    """Whole decades that hold the values, laid from ``start`` to ``end`` (pixels)."""

    low: int
    high: int
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> _Axis:
        low = math.floor(math.log10(min(values)))
        high = max(math.ceil(math.log10(max(values))), low + 1)
        return cls(low, high, start, end)

    def at(self, value: float) -> float:
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + (self.end - self.start) * share

    def decades(self) -> Iterator[tuple[float, str]]:
        for power in range(self.low, self.high + 1):
            yield 10.0**power, _decade(power)


def _decade(power: int) -> str:
    if power < 0:
        return f"{10.0**power:.{-power}f}"
    return f"{10 ** (power % 3)}{('', 'k', 'M', 'G')[power // 3]}"


def _panel(panel: Panel) -> Iterator[str]:
    points = [point for line in panel.lines for point in line.points]
    across = _Axis.over([x for x, _ in points], _LEFT, WIDTH - _RIGHT)
    up = _Axis.over([y for _, y in points], HEIGHT - _BOTTOM, _TOP)
    yield f'<text x="{WIDTH / 2}" y="18" text-anchor="middle">{escape(panel.title)}</text>'
    for value, text in across.decades():
        x = across.at(value)
        yield _stroke([(x, up.start), (x, up.end)], "#ddd")
        yield f'<text x="{x:.1f}" y="{up.start + 14}" text-anchor="middle">{text}</text>'
    for value, text in up.decades():
        y = up.at(value)
        yield _stroke([(across.start, y), (across.end, y)], "#ddd")
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    x = (across.start + across.end) / 2
    yield f'<text x="{x}" y="{HEIGHT - 12}" text-anchor="middle">{escape(panel.x)}</text>'
    if panel.linear:
        yield _linear(panel.lines[0], across, up)
    for number, line in enumerate(panel.lines):
        yield from _line(line, number, across, up)


def _linear(line: Line, across: _Axis, up: _Axis) -> str:
    """Return a linear growth that ends where the line ends, as far as it is in the panel."""
    x, y = line.points[-1]
    start = max(line.points[0][0], x * 10.0**up.low / y)
    ends = [(start, y * start / x), (x, y)]
    return _stroke([(across.at(a), up.at(b)) for a, b in ends], "#999", dashed=True)


def _line(line: Line, number: int, across: _Axis, up: _Axis) -> Iterator[str]:
    colour = _COLOURS[number % len(_COLOURS)]
    places = [(across.at(x), up.at(y)) for x, y in line.points]
    yield _stroke(places, colour)
    for (x, y), (count, value) in zip(places, line.points, strict=True):
        told = f"{line.name}: {value:.3g} at {count:,.0f}"
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}">'
        yield f"<title>{escape(told)}</title></circle>"
    y = _TOP + 14 * (number + 1)
    yield f'<text x="{_LEFT + 8}" y="{y}" fill="{colour}">{escape(line.name)}</text>'


def _stroke(points: Sequence[tuple[float, float]], colour: str, *, dashed: bool = False) -> str:
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<polyline points="{text}" fill="none" stroke="{colour}"{dashes}/>'
