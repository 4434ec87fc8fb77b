"""A store that grows to a million objects, and the costs to fill, open and collect it."""

from __future__ import annotations

import hashlib
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from scripts.benchmark import shapes
from scripts.benchmark.figures import Figure, bounded, machine
from scripts.benchmark.measure import Failed, Work, run
from scripts.benchmark.ours import Ours, dead_objects
from scripts.benchmark.plan import Bench
from scripts.benchmark.plot import Line, Panel, draw
from scripts.benchmark.shapes import BLOCK, Block
from store.index.env import Index
from store.index.schema import ObjectEntry
from store.index.writing import Writer
from store.model.names import ObjectId

TRANSACTION = 10
"""Blocks of objects that are registered in one transaction."""


@dataclass(frozen=True)
class Point:
    """A store of ``objects`` objects: seconds, and bytes of memory and of disk; ``peak`` and
    ``processor`` seconds are those of the mark, and ``listing`` is what a dry run takes."""

    objects: int
    register: float
    open: float
    mark: float
    listing: float
    peak: int
    index: int
    processor: float


def growth(bench: Bench) -> Iterator[Figure]:
    """The figures at the largest size, and by how much they grew from the smallest."""
    points = measure(bench)
    if bench.plot:
        Path(bench.plot).write_text(plot(points, f"A store that grows; {machine()}"))
    first, last = points[0], points[-1]
    count = f"{last.objects:,}"
    yield bounded(
        f"{count} objects: the collector decides what is dead", "s", last.mark, 10, last.processor
    )
    yield bounded(f"{count} objects: its memory at the peak", "MB", last.peak, 1e9)
    yield bounded(f"{count} objects: and lists what each would free", "s", last.listing, None)
    yield bounded(f"{count} objects: opening the store", "ms", last.open, 0.05)
    yield bounded(f"{count} objects: registering them", "s", last.register, None)
    yield bounded(f"{count} objects: the index on disk", "MB", last.index, None)
    more = last.objects / first.objects
    grown = last.mark / first.mark
    yield bounded(
        f"{count} objects instead of {first.objects:,}: collector's time", "times", grown, more
    )


def measure(bench: Bench) -> list[Point]:
    """Each size of the plan, in one store that grows."""
    room = bench.room("growth")
    ours = Ours(f"{room}/ours")
    filling, spent, points = Filling(ours), 0.0, []
    for size in bench.sizes.growth:
        spent += filling.grow(size)
        bench.say(f"growth: {size:,} objects")
        points.append(_look(ours, room, size, spent))
    return points


def plot(points: list[Point], title: str) -> str:
    """Time and memory over the store's size, as an SVG."""

    def line(name: str, values: list[float]) -> Line:
        return Line(
            name, tuple((p.objects, value) for p, value in zip(points, values, strict=True))
        )

    seconds = (
        line("collector decides what is dead", [p.mark for p in points]),
        line("and lists it", [p.listing for p in points]),
        line("registering all", [p.register for p in points]),
        line("opening", [p.open for p in points]),
    )
    bytes_ = (
        line("collector's memory", [p.peak / 1e6 for p in points]),
        line("index on disk", [p.index / 1e6 for p in points]),
    )
    panels = [
        Panel("seconds (dashed: linear)", "objects", seconds, linear=True),
        Panel("MB", "objects", bytes_),
    ]
    return draw(panels, title)


class Filling:
    """Registers a growing store's objects and roots; nothing of them is on disk. ``ids`` are the
    objects' by number."""

    def __init__(self, ours: Ours) -> None:
        self._index_path = ours.layout.index
        self._blocks = shapes.growing(6)
        self.ids: list[ObjectId] = []

    def grow(self, size: int) -> float:
        """Fill up to ``size`` objects; returns the seconds that the index took."""
        index, spent = Index.open(self._index_path), 0.0
        while len(self.ids) < size:
            wanted = min(TRANSACTION, -(-(size - len(self.ids)) // BLOCK))
            blocks = list(islice(self._blocks, wanted))
            entries = [entry for block in blocks for entry in self._entries(block)]
            roots = [number for block in blocks for number in block.roots]
            began = time.perf_counter()
            index.write(partial(_register, entries))
            spent += time.perf_counter() - began
            index.write(partial(self._hold, roots))
        index.close()
        return spent

    def _hold(self, roots: list[int], txn: Writer) -> None:
        for number in roots:
            txn.roots.put(f"environment-{number}", self.ids[number])

    def _entries(self, block: Block) -> list[ObjectEntry]:
        made = []
        for number, below in enumerate(block.references, block.first):
            name = b"synthetic %d" % number
            oid = ObjectId(hashlib.blake2b(name, digest_size=20).digest(), f"package-{number}")
            self.ids.append(oid)
            others = sorted(self.ids[other] for other in below)
            made.append(ObjectEntry(oid, others, False, 1000 + number % 100_000))
        return made


def _look(ours: Ours, room: str, size: int, register: float) -> Point:
    listed = run(ours.work("gc", "--dry-run", "--json"), room)
    marked = run(_module(ours, "marking"), room)
    counted, peak = map(int, marked.output.split())
    for dead in (dead_objects(listed.output), counted):
        if dead != size // 2:
            raise Failed(f"{dead} of {size} objects are said to be dead, not half")
    opened = [float(run(_module(ours, "opening"), room).output) for _ in range(5)]
    return Point(
        size,
        register,
        statistics.median(opened),
        marked.seconds,
        listed.seconds,
        peak,
        Path(ours.layout.index, "data.mdb").stat().st_blocks * 512,
        marked.processor,
    )


def _module(ours: Ours, name: str) -> Work:
    words = (sys.executable, "-I", "-m", f"scripts.benchmark.{name}", ours.layout.root)
    return Work(words, ours.environment)


def _register(entries: Sequence[ObjectEntry], txn: Writer) -> None:
    txn.objects.register_all(entries)
