"""Trees taken in, verified and collected; and what a part of that alone takes on this machine.

A part is no rival, and does less: a target below it is out of reach for a program that does that
part as it does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

from scripts.benchmark import measure, trees
from scripts.benchmark.figures import Figure, bounded, compared
from scripts.benchmark.measure import Failed, Pairs, Work
from scripts.benchmark.plan import Bench, Sides

_COPY = ("sh", "-c", 'cp -a "$1" "$2" && sync -f "$2"', "copy")


def source_trees(bench: Bench) -> Iterator[Figure]:
    """Two trees like a kernel's: added, verified, deleted by collection."""
    sizes = bench.sizes
    room = bench.room("trees")
    sources = [f"{room}/tree-{number}" for number in (1, 2)]
    for number, source in enumerate(sources, 1):
        trees.write_tree(source, sizes.files, sizes.bytes, number)
    sides = bench.sides(room)
    whole = f"{sizes.files:,} files, {_gigabytes(sizes.bytes)}"
    yield compared(f"add a tree like a kernel's ({whole})", _add(sides, sources), 0.33)
    copies = [f"{source}-copy" for source in sources]
    copying = [(*_COPY, *pair) for pair in zip(sources, copies, strict=True)]
    yield sides.part("`cp -a` of such a tree, and `sync -f`", copying)
    both = _gigabytes(2 * sizes.bytes)
    verified = _verify(sides, sizes.turns)
    yield compared(f"verify the contents of two such trees ({both})", verified, 0.5)
    collected = sides.repeat(1, ("gc",), ("nix-store", "--gc"))
    _check_empty(sides)
    yield compared("delete those two by collection", collected, 0.33)
    yield sides.part("`rm -rf` of two such trees", [("rm", "-rf", *copies)])


def large_files(bench: Bench) -> Iterator[Figure]:
    """The bytes of two trees in a few large files: verified."""
    sizes = bench.sizes
    room = bench.room("large")
    source = f"{room}/large"
    trees.write_large(source, 2 * sizes.bytes, 3, sizes.large_files)
    sides = bench.sides(room)
    _add(sides, [source])
    whole = f"{_gigabytes(2 * sizes.bytes)} in {sizes.large_files}"
    yield compared(f"verify large files ({whole})", _verify(sides, sizes.turns), 0.2)
    hashing = (sys.executable, "-I", "-m", "scripts.benchmark.hashing", str(2 * sizes.bytes))
    seconds = float(measure.run(Work(hashing, sides.ours.environment), room).output)
    yield bounded("a part of it: BLAKE3 of so much in memory, all processors", "s", seconds, None)


def _add(sides: Sides, sources: Sequence[str]) -> Pairs:
    return sides.pairs(
        [("add", source) for source in sources],
        [("nix-store", "--add", source) for source in sources],
    )


def _verify(sides: Sides, turns: int) -> Pairs:
    nix = ("nix-store", "--verify", "--check-contents")
    return sides.repeat(turns, ("verify", "--contents"), nix)


def _check_empty(sides: Sides) -> None:
    places = [sides.ours.layout.objects] + ([sides.theirs.store] if sides.theirs else [])
    for place in places:
        left = [name for name in os.listdir(place) if not name.startswith(".")]
        if left:
            raise Failed(f"{place} still holds {len(left)} objects after its collection")


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.3g} GB"
