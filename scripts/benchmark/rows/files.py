"""Trees taken in, verified and collected; and what a part of that alone takes on this machine.

A part is no rival, and does less: a target below it is out of reach for a program that does that
part as it does.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from scripts.benchmark import measure, trees
from scripts.benchmark.figures import Figure, bounded, compared, part
from scripts.benchmark.measure import Failed, Pairs, Work
from scripts.benchmark.plan import Bench, Sides

_COPY = ("sh", "-c", 'cp -a "$1" "$2" && sync -f "$2"', "copy")
_REMOVE = ("sh", "-c", 'rm -rf "$@" && sync -f "$0"')
_SYNCED = ("sh", "-c", '"$@" && sync -f "$0"')
"""The peer waits for no disk, and our commands end when all is on it."""

_VERIFY = ("verify", "--contents"), ("nix-store", "--verify", "--check-contents")


def source_trees(bench: Bench) -> Iterator[Figure]:
    """Two trees like a kernel's: added, verified, deleted by collection."""
    sizes = bench.sizes
    room = bench.room("trees")
    sources = [f"{room}/tree-{number}" for number in (1, 2)]
    for number, source in enumerate(sources, 1):
        trees.write_tree(source, sizes.files, sizes.bytes, number)
    sides = bench.sides(room)
    whole = f"{sizes.files:,} files, {_gigabytes(sizes.bytes)}"
    copies = [f"{source}-copy" for source in sources]
    added, copied, looped = _add_in_turns(sides, sources, copies)
    yield compared(f"add a tree like a kernel's ({whole}); Nix and `sync -f`", added, 0.6)
    command = "`cp -a` of such a tree, and `sync -f`"
    yield from _beside("add such a tree", command, added, copied, 0.5, 1.0)
    yield part("a loop that reads, hashes and writes each file, unsynced", looped)
    both = _gigabytes(2 * sizes.bytes)
    turns, objects = sizes.reading_turns, sides.ours.layout.objects
    verified = sides.read(turns, *_VERIFY)
    yield compared(f"verify the contents of two such trees ({both})", verified, 0.4)
    reading = [(sys.executable, "-I", "-m", "scripts.benchmark.reading", objects)] * turns
    read = sides.alone(reading, [objects] * turns)
    yield part("a loop in Python that reads and hashes them", read)
    yield bounded("verify these, to that", "times", verified.seconds / read.seconds, None)
    collected = sides.repeat(1, ("gc",), _synced(sides, "nix-store", "--gc"))
    _check_empty(sides)
    yield compared("delete those two by collection; Nix and `sync -f`", collected, None)
    removed = sides.alone([(*_REMOVE, room, *copies)])
    command = "`rm -rf` of two such trees, and `sync -f`"
    yield from _beside("delete those two", command, collected, removed, 0.35, 1.5)


def large_files(bench: Bench) -> Iterator[Figure]:
    """The bytes of two trees in a few large files: verified."""
    sizes = bench.sizes
    room = bench.room("large")
    source = f"{room}/large"
    trees.write_large(source, 2 * sizes.bytes, 3, sizes.large_files)
    sides = bench.sides(room)
    _add(sides, [source])
    whole = f"{_gigabytes(2 * sizes.bytes)} in {sizes.large_files}"
    verified = sides.read(sizes.reading_turns, *_VERIFY)
    yield compared(f"verify large files ({whole})", verified, None)
    program = shutil.which("b3sum") if bench.peer else None
    if program is None:
        yield from _hashed_in_memory(sides, verified, 2 * sizes.bytes, 1.3)
        return
    place = sides.ours.layout.objects
    files = [f"{folder}/{name}" for folder, _, names in os.walk(place) for name in names]
    summing = Work((program, *files), sides.ours.environment, warm=place)
    ours = replace(sides.ours.work(*_VERIFY[0]), warm=place)
    turns = sizes.reading_turns
    beside = measure.pairs([ours] * turns, [summing] * turns, room)
    yield compared("verify large files; `b3sum` of them, which is BLAKE3 alone", beside, 1.3)
    yield from _hashed_in_memory(sides, verified, 2 * sizes.bytes, None)


def _hashed_in_memory(
    sides: Sides, verified: Pairs, size: int, target: float | None
) -> Iterator[Figure]:
    """As many bytes as were verified, by BLAKE3 that reads no file."""
    hashing = (sys.executable, "-I", "-m", "scripts.benchmark.hashing", str(size))
    work = Work(hashing, sides.ours.environment)
    hashed = [measure.run(work, sides.room) for _ in verified.ours]
    seconds = statistics.median(float(spent.output) for spent in hashed)
    yield bounded("a part of it: BLAKE3 of so much in memory, all processors", "s", seconds, None)
    yield bounded("verify large files, to that", "times", verified.seconds / seconds, target)


def _add(sides: Sides, sources: Sequence[str]) -> Pairs:
    """Add trees to both stores, in turns."""
    return measure.pairs(*_adding(sides, sources), sides.room)


def _add_in_turns(
    sides: Sides, sources: Sequence[str], copies: Sequence[str]
) -> tuple[Pairs, Pairs, Pairs]:
    """Add trees to both stores, copy them by a plain command, and by a loop, all in turns: a file
    system is not as fast at one time as at another."""
    ours, theirs = _adding(sides, sources)
    places = list(zip(sources, copies, strict=True))
    copying = [sides.command((*_COPY, *place), place[0]) for place in places]
    loop = (sys.executable, "-I", "-m", "scripts.benchmark.copying")
    looping = [sides.command((*loop, place[0], f"{place[0]}-loop"), place[0]) for place in places]
    peers = [theirs] if theirs else []
    added, *others = measure.in_turns([ours, *peers, copying, looping], sides.room)
    peer = others.pop(0) if theirs else ()
    copied, looped = others
    return Pairs(added, peer), Pairs(copied, ()), Pairs(looped, ())


def _adding(sides: Sides, sources: Sequence[str]) -> tuple[list[Work], list[Work]]:
    ours = [replace(sides.ours.work("add", source), warm=source) for source in sources]
    if not sides.theirs:
        return ours, []
    commands = [_synced(sides, "nix-store", "--add", source) for source in sources]
    theirs = [sides.theirs.work(*words) for words in commands]
    return ours, [replace(work, warm=work.words[-1]) for work in theirs]


def _synced(sides: Sides, *words: str) -> tuple[str, ...]:
    return (*_SYNCED, sides.theirs.store if sides.theirs else "", *words)


def _beside(
    work: str, command: str, pairs: Pairs, plain: Pairs, wall: float, processor: float
) -> Iterator[Figure]:
    """Our work by that of a plain command, which did the same in turns with it."""
    yield part(command, plain)
    beside = replace(pairs, theirs=plain.ours)
    assert beside.ratio
    yield bounded(f"{work}, by the wall, to that", "times", beside.ratio, wall)
    ratio = pairs.processor / plain.processor
    yield bounded(f"{work}, by the processor, to that", "times", ratio, processor)


def _check_empty(sides: Sides) -> None:
    places = [sides.ours.layout.objects] + ([sides.theirs.store] if sides.theirs else [])
    for place in places:
        left = [name for name in os.listdir(place) if not name.startswith(".")]
        if left:
            raise Failed(f"{place} still holds {len(left)} objects after its collection")


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.3g} GB"
