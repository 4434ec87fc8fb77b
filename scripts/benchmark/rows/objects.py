"""Many small objects: registered, walked both ways, and the dead among them found."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from scripts.benchmark import measure, shapes
from scripts.benchmark.figures import Figure, compared
from scripts.benchmark.measure import Pairs, Work, check
from scripts.benchmark.ours import dead_objects, link_roots, write_dump, write_objects
from scripts.benchmark.plan import Bench, Sides
from scripts.benchmark.shapes import World

BASE = 0


def objects(bench: Bench) -> Iterator[Figure]:
    """One store, half of it dead: filled in one transaction, asked, and the dead found."""
    sizes = bench.sizes
    room = bench.room("objects")
    world = shapes.world(sizes.objects, sizes.referrers, sizes.closure, sizes.roots, 5)
    stocked = _Stocked(bench.sides(room), world)
    registered = stocked.register()
    yield compared(f"register {sizes.objects:,} objects", registered, 0.5)
    above = stocked.ask(BASE, ("--referrers",), "--referrers-closure", sizes.referrers)
    yield compared(f"closure of referrers, {sizes.referrers:,} objects", above, 0.2)
    below = stocked.ask(world.top, (), "--requisites", sizes.closure)
    yield compared(f"closure of {sizes.closure:,} objects", below, 0.2)
    stocked.link()
    dead = f"{sizes.objects:,} objects, {sizes.roots:,} roots, half dead: decide what is dead"
    yield compared(dead, stocked.decide(), 0.01)


class _Stocked:
    """The same world in both stores: whole small objects on disk, and in the index."""

    def __init__(self, sides: Sides, world: World) -> None:
        self._sides = sides
        self._world = world
        self._ids = write_objects(sides.ours.layout, world.references)
        self._ours = [oid.path for oid in self._ids]
        self._theirs = [sides.theirs.path(oid) for oid in self._ids] if sides.theirs else []
        for path in self._theirs:
            with open(path, "xb") as stream:
                stream.write(b"%d\n" % len(path))

    def register(self) -> Pairs:
        """Fill both indexes from a dump, each in one process."""
        ours, theirs = f"{self._sides.room}/ours.dump", f"{self._sides.room}/theirs.dump"
        write_dump(ours, self._ours, self._world.references)
        root, env = self._sides.ours.layout.root, self._sides.ours.environment
        words = (sys.executable, "-I", "-m", "scripts.benchmark.register", root)
        load = []
        if self._sides.theirs:
            write_dump(theirs, self._theirs, self._world.references)
            load = [self._sides.theirs.work("nix-store", "--load-db", stdin=theirs)]
        return measure.pairs([Work(words, env, ours)], load, self._sides.room)

    def ask(self, start: int, ours: tuple[str, ...], theirs: str, expected: int) -> Pairs:
        """A closure, printed by both as one path a line."""
        path = self._theirs[start] if self._theirs else ""
        found = self._sides.repeat(
            3, ("closure", *ours, self._ours[start]), ("nix-store", "--query", theirs, path)
        )
        for spent in (*found.ours, *found.theirs):
            check(spent.output.count(b"\n"), expected, f"answers to {theirs}")
        return found

    def link(self) -> None:
        """Make a root of each of the world's, by a link outside the store."""
        for side in ("ours", "theirs"):
            os.mkdir(f"{self._sides.room}/links-{side}")
        room = self._sides.room
        link_roots(
            self._sides.ours.layout,
            {f"{room}/links-ours/{number}": self._ids[number] for number in self._world.roots},
        )
        if self._sides.theirs:
            for number in self._world.roots:
                link = f"{room}/links-theirs/{number}"
                self._sides.theirs.link_root(link, self._theirs[number])

    def decide(self) -> Pairs:
        """The dead objects; nothing is deleted."""
        found = self._sides.repeat(
            1, ("gc", "--dry-run", "--json"), ("nix-store", "--gc", "--print-dead")
        )
        expected = len(self._ids) - self._world.live
        if self._sides.theirs and not found.stopped:
            check(found.theirs[0].output.count(b"\n"), expected, "dead in the peer's store")
        check(dead_objects(found.ours[0].output), expected, "dead in ours")
        return found
