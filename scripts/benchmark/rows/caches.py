"""Objects pushed to a cache and pulled from one, by HTTP too, beside ``nix copy``.

Both push to a folder, and both pull from the same small web server. Each turn has a store or a
cache of its own.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from scripts.benchmark import measure, trees
from scripts.benchmark.figures import Figure, bounded, compared, part
from scripts.benchmark.measure import Pairs, Work
from scripts.benchmark.nix import Nix
from scripts.benchmark.ours import Ours
from scripts.benchmark.plan import Bench, Sides
from scripts.benchmark.web import Served, serving

TRIP = 0.05
"""Seconds of a round trip to a cache that is far."""

_SYNCED = ("sh", "-c", '"$@" && sync -f "$0"')
"""Nix waits for no disk, and our commands end when all is on it."""

_COPY = ("sh", "-c", 'cp -a "$0" "$1" && sync -f "$1"')

_NIX = ("nix", "--extra-experimental-features", "nix-command", "copy", "--no-check-sigs")


def caches(bench: Bench) -> Iterator[Figure]:
    """Push, pull, a delta, far caches, and caches of no use."""
    room = bench.room("cache")
    tree = f"{room}/tree"
    sizes = bench.sizes
    trees.write_tree(tree, sizes.cached_files, sizes.cached_bytes * 2 // 5, 7)
    trees.write_large(f"{tree}/large", sizes.cached_bytes * 3 // 5, 8, 6)
    sides = bench.sides(f"{room}/sides")
    both = _Both(sides, room)
    [one] = both.add([tree])
    whole = f"{sizes.cached_files:,} files, {_mib(sizes.cached_bytes)}"
    work = f"push an object ({whole})"
    yield compared(f"{work}; Nix and `sync -f`", both.push([one], sizes.cached_turns), 0.8)
    yield compared(
        f"{work}; Nix as it is", both.push([one], sizes.cached_turns, synced=False), None
    )
    again = [sides.ours.work("push", "--to", both.cache(0), one[0])] * sizes.quick_turns
    spent = measure.pairs(again, [], room)
    yield bounded("push it again: nothing new", "s", spent.seconds, 0.3, spent.processor)
    with serving(room) as web:
        yield from _pulled(both, web, one, sizes.cached_turns)
        yield from _bounds(sides, room, tree, sizes.cached_turns)
        yield _changed(both, web, tree, one)
    yield from _several(bench, both)
    yield from _useless(both, sides, room, one[0])


def _pulled(both: _Both, web: Served, one: tuple[str, str], turns: int) -> Iterator[Figure]:
    """A pull, which is durable at its end, beside Nix's that is made so, and as that is."""
    work = "pull it over HTTP into an empty store"
    pulled = both.pull(web, [one], 0, turns)
    yield compared(f"{work}; Nix and `sync -f`", pulled, 0.9)
    if pulled.peer_processor:
        times = pulled.processor / pulled.peer_processor
        yield bounded("its processor seconds, to Nix", "times", times, 1.1)
    yield compared(f"{work}; Nix as it is", both.pull(web, [one], 0, turns, synced=False), None)


def _bounds(sides: Sides, room: str, tree: str, turns: int) -> Iterator[Figure]:
    """Parts that each pull has: its bytes unpacked and hashed, and a tree on the disk."""
    unpack = (sys.executable, "-I", "-m", "scripts.benchmark.unpacking")
    packs = [str(path) for path in Path(room, "cache-0").rglob("*.pack")]
    unpacked = sides.alone([(*unpack, *packs)] * turns)
    yield part("its bytes by Zstandard and BLAKE3 alone", unpacked)
    copies = [(*_COPY, tree, f"{room}/copy-{turn}") for turn in range(turns)]
    yield part("`cp -a` of the tree, and `sync -f`", sides.alone(copies))


class _Both:
    """Both sides' objects, caches and fresh stores, below the folder ``room``."""

    def __init__(self, sides: Sides, room: str) -> None:
        self._sides = sides
        self._room = room
        self._number = 0

    def cache(self, number: int) -> str:
        """The folder of one of our caches."""
        return f"{self._room}/cache-{number}"

    def add(self, paths: Sequence[str]) -> list[tuple[str, str]]:
        """Add trees to both stores; returns the path of each in both."""
        found = []
        for path in paths:
            ours = measure.run(self._sides.ours.work("add", path), self._room).output
            theirs = b""
            if self._sides.theirs:
                theirs = measure.run(
                    self._sides.theirs.work("nix-store", "--add", path), self._room
                ).output
            found.append((ours.decode().split()[-1], theirs.decode().strip()))
        return found

    def push(self, objects: Sequence[tuple[str, str]], turns: int, *, synced: bool = True) -> Pairs:
        """Push objects to fresh caches; the peer's are ``synced`` to the disk, or not."""
        first, self._number = self._number, self._number + turns
        numbers = range(first, first + turns)
        ours = [("push", "--to", self.cache(n), *(one for one, _ in objects)) for n in numbers]
        theirs = [
            (
                *self._until(synced),
                *_NIX,
                "--to",
                f"file://{self.cache(n)}-nix?compression=zstd",
                *(o for _, o in objects),
            )
            for n in numbers
        ]
        return self._sides.pairs(ours, theirs)

    def _until(self, synced: bool) -> tuple[str, ...]:
        """Return the words before a command that make it wait for the disk, or none."""
        return (*_SYNCED, self._room) if synced else ()

    def pull(
        self,
        web: Served,
        objects: Sequence[tuple[str, str]],
        cache: int,
        turns: int,
        *,
        synced: bool = True,
    ) -> Pairs:
        """Pull objects from one of the caches into fresh stores; the peer's are ``synced``, or
        not."""
        place = f"{web.url}/cache-{cache}"
        first, self._number = self._number, self._number + turns
        numbers = range(first, first + turns)
        paths = [one for one, _ in objects]
        ours = [
            Ours(f"{self._room}/pull-{n}").work("import", *paths, "--from", place) for n in numbers
        ]
        peer = self._sides.theirs
        until = self._until(synced)
        theirs = (
            [self._from(peer, until, f"{place}-nix", objects, n) for n in numbers] if peer else []
        )
        return measure.pairs(ours, theirs, self._room)

    def _from(
        self,
        nix: Nix,
        until: Sequence[str],
        place: str,
        objects: Sequence[tuple[str, str]],
        number: int,
    ) -> Work:
        # Nix remembers a cache's answers: each turn begins with none.
        fresh = ("env", f"XDG_CACHE_HOME={self._room}/nix-{number}-cache")
        to = f"local?root={self._room}/nix-{number}"
        paths = [path for _, path in objects]
        words = (*fresh, *_NIX, "--from", place, "--to", to, *paths)
        return nix.work(*until, *words)


def _changed(both: _Both, web: Served, tree: str, former: tuple[str, str]) -> Figure:
    """One file of many is another: the bytes that a store with the former object fetches."""
    path = next(Path(tree).rglob("file-1.c"))
    path.write_bytes(path.read_bytes() + b"/* changed */\n")
    [fresh] = both.add([tree])
    cache = both._number
    both.push([fresh], 1)
    place = Ours(f"{both._room}/delta")
    url = web.url
    measure.run(place.work("import", former[0], "--from", f"{url}/cache-0"), both._room)
    whole = web.sent()
    measure.run(place.work("import", fresh[0], "--from", f"{url}/cache-{cache}"), both._room)
    return bounded("one file of it changed: bytes, to the whole", "times", web.sent() / whole, 0.02)


def _several(bench: Bench, both: _Both) -> Iterator[Figure]:
    sizes = bench.sizes
    for count, size, trip, target in (
        (sizes.several, sizes.several_bytes, TRIP, 0.7),
        (2, 4 << 20, 0.0, None),
    ):
        paths = [f"{both._room}/of-{count}-{number}" for number in range(count)]
        for number, path in enumerate(paths):
            share = max(1, round(size * 2 * (number + 1) / (count * (count + 1))))
            trees.write_tree(path, max(4, share // 60_000), share, 100 + count + number)
        objects = both.add(paths)
        cache = both._number
        both.push(objects, 1)
        with serving(both._room, trip) as web:
            pulled = both.pull(web, objects, cache, sizes.turns)
        work = f"pull {count} objects, {_mib(size)}"
        if trip:
            yield compared(f"{work}, {trip * 1000:.0f} ms round trip", pulled, target)
        else:
            yield compared(work, pulled, 0.4, relative=False)


def _useless(both: _Both, sides: Sides, room: str, oid: str) -> Iterator[Figure]:
    """Caches that refuse, and that say nothing."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        silent = f"http://127.0.0.1:{listening.getsockname()[1]}"
        closed = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        refusing = f"http://127.0.0.1:{closed.getsockname()[1]}"
        closed.close()
        for work, url, target in (("refuses", refusing, 1.0), ("is silent", silent, 20.0)):
            words = sides.ours.work("push", oid, "--to", url)
            failing = Work(words.words, words.env, status=27)
            spent = measure.run(failing, room)
            yield bounded(f"a cache that {work}", "s", spent.seconds, target, spent.processor)


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"
