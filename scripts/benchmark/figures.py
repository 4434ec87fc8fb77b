"""Measured values, their targets, and how both are written down."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.benchmark.measure import Pairs

UNITS = {"s": 1.0, "ms": 1000.0, "MB": 1e-6, "times": 1.0}
"""Shown units; figures are held in seconds, bytes, or as a bare number."""


@dataclass(frozen=True)
class Figure:
    """One line of the table. ``ours`` and ``peer`` in seconds or bytes, by ``unit``.

    ``target`` bounds the ratio when ``relative``, else ``ours`` itself, and None bounds nothing.
    ``at_most`` says that the ratio is an upper bound, as the peer was stopped. ``processor``
    seconds tell more than the ratio on a machine that does other work meanwhile. ``memory`` is
    that of our largest process, in bytes at the peak.
    """

    work: str
    unit: str
    ours: float
    peer: float | None = None
    ratio: float | None = None
    target: float | None = None
    relative: bool = False
    at_most: bool = False
    processor: float | None = None
    peer_processor: float | None = None
    memory: int | None = None

    @property
    def met(self) -> bool | None:
        """True if the target is met; None when there is none, or nothing to compare with."""
        value = self.ratio if self.relative else self.ours
        return None if self.target is None or value is None else value <= self.target

    def to_json(self) -> str:
        """One line for programs; seconds and bytes whatever the shown unit is."""
        return json.dumps({**self.__dict__, "met": self.met}, ensure_ascii=False)


def compared(
    work: str, pairs: Pairs, target: float | None, unit: str = "s", *, relative: bool = True
) -> Figure:
    """The figure of work that a peer does too."""
    return Figure(
        work,
        unit,
        pairs.seconds,
        pairs.peer_seconds,
        pairs.ratio,
        target,
        relative=relative,
        at_most=pairs.stopped,
        processor=pairs.processor,
        peer_processor=pairs.peer_processor,
    )


def bounded(
    work: str, unit: str, ours: float, target: float | None, processor: float | None = None
) -> Figure:
    """The figure of work without a peer; ``target`` in seconds or bytes."""
    return Figure(work, unit, ours, target=target, processor=processor)


def part(work: str, pairs: Pairs) -> Figure:
    """The figure of a part of our work that was done alone, and has no target."""
    return bounded(f"a part of it: {work}", "s", pairs.seconds, None, pairs.processor)


def machine() -> str:
    """This machine in a line, with its load at this moment."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{_processor()}, {len(os.sched_getaffinity(0))} processors, {memory / 1e9:.0f} GB, "
        f"Linux {platform.release()}, Python {platform.python_version()}; load {load}"
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            names = [line.partition(":")[2] for line in stream if line.startswith("model name")]
    except OSError:
        names = []
    return names[0].strip() if names else platform.machine()


def markdown(figures: Sequence[Figure], peer: str) -> str:
    """The table, ready to be pasted."""
    head = ["work", "ours", peer, "ratio", "target", "", "processor: ours", peer]
    rule = ["---", "---:", "---:", "---:", "---:", "---", "---:", "---:"]
    rows = [_cells(figure) for figure in figures]
    if any(figure.memory is not None for figure in figures):
        head, rule = [*head, "memory: ours"], [*rule, "---:"]
        for row, figure in zip(rows, figures, strict=True):
            row.append("" if figure.memory is None else shown(figure.memory, "MB"))
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def _cells(figure: Figure) -> list[str]:
    more = ">" if figure.at_most else ""
    less = "< " if figure.at_most else ""
    peer = "" if figure.peer is None else f"{more}{shown(figure.peer, figure.unit)}"
    ratio = "" if figure.ratio is None else f"{less}{figure.ratio:.3g}"
    verdict = {True: "met", False: "**missed**", None: ""}[figure.met]
    spent = ["" if x is None else shown(x, "s") for x in (figure.processor, figure.peer_processor)]
    ours = shown(figure.ours, figure.unit)
    return [figure.work, ours, peer, ratio, _target(figure), verdict, *spent]


def _target(figure: Figure) -> str:
    if figure.target is None:
        return ""
    return f"≤ {figure.target:g}" if figure.relative else f"≤ {shown(figure.target, figure.unit)}"


def shown(value: float, unit: str) -> str:
    """A value in its shown unit, to three digits."""
    scaled = value * UNITS[unit]
    text = f"{scaled:,.0f}" if scaled >= 100 else f"{scaled:.3g}"
    return text if unit == "times" else f"{text} {unit}"
