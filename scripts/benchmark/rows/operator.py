"""The commands of an operator with a large store: each once, with its time and its memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from scripts.benchmark import peak, shapes
from scripts.benchmark.figures import Figure, bounded
from scripts.benchmark.measure import Work, check, run
from scripts.benchmark.ours import Ours, place, write_objects
from scripts.benchmark.plan import Bench
from scripts.benchmark.rows.growth import Filling
from scripts.benchmark.shapes import BLOCK
from store.index.env import Index
from store.index.writing import Writer
from store.model.names import ObjectId


def operator(bench: Bench) -> Iterator[Figure]:
    """A large index of objects of which none is on the disk but those asked for; and a smaller
    store with all of its objects."""
    room = bench.room("operator")
    yield from _index_alone(bench.sizes.growth[-1], room)
    yield from _with_objects(bench.sizes.objects, room)


def _index_alone(count: int, room: str) -> Iterator[Figure]:
    ours = Ours(f"{room}/index")
    filling = Filling(ours)
    filling.grow(count)
    base, top, dead = (filling.ids[at] for at in (0, count - BLOCK // 2 - 1, count - 1))
    for oid in (base, top, dead):
        place(ours.layout, oid)
    # Exit code 1 says that nothing keeps it.
    yield _once(
        ours, room, f"{count:,} objects: why one is dead", ("gc", "why-alive", dead.path), 1
    )
    for work, words in (
        ("why one is alive that most refer to", ("gc", "why-alive", base.path)),
        ("closure of an environment", ("closure", top.path)),
        ("closure of all that refer to one", ("closure", "--referrers", base.path)),
        ("list of all objects", ("list", "--objects")),
        ("list of roots", ("root", "list")),
        ("`stats`", ("stats",)),
        ("`du`", ("du",)),
        ("`du --json`", ("du", "--json")),
        ("`du` of an environment", ("du", top.path)),
        ("copy of the index", ("index", "backup", f"{room}/copy")),
        ("delete one", ("delete", dead.path)),
    ):
        yield _once(ours, room, f"{count:,} objects: {work}", words)


def _with_objects(count: int, room: str) -> Iterator[Figure]:
    ours = Ours(f"{room}/objects")
    blocks = list(islice(shapes.growing(6), count // BLOCK))
    ids = write_objects(ours.layout, [below for block in blocks for below in block.references])
    on_disk = f"{count:,} objects on the disk"
    yield _once(ours, room, f"{on_disk}: index made anew", ("index", "rebuild"))
    index = Index.open(ours.layout.index)
    check(
        index.write(partial(_hold, [ids[at] for block in blocks for at in block.roots])),
        count,
        on_disk,
    )
    index.close()
    reading = (sys.executable, "-I", "-m", "scripts.benchmark.reading", ours.layout.manifests)
    spent = run(Work(reading, ours.environment), room)
    yield bounded(
        f"{on_disk}: a part of both, a loop in Python that reads and hashes the manifests",
        "s",
        spent.seconds,
        None,
        spent.processor,
    )
    for work, words in (
        ("`verify`", ("verify",)),
        ("`stats`", ("stats",)),
        ("`du`", ("du",)),
        ("copy of the index", ("index", "backup", f"{room}/smaller")),
        ("copy taken back", ("index", "restore", f"{room}/smaller")),
    ):
        yield _once(ours, room, f"{on_disk}: {work}", words)


def _hold(roots: Sequence[ObjectId], txn: Writer) -> int:
    """Make roots; returns how many objects there are."""
    for oid in roots:
        txn.roots.put(oid.name, oid)
    return txn.objects.count()


def _once(ours: Ours, room: str, work: str, words: Sequence[str], status: int = 0) -> Figure:
    told = Path(room, "peak")
    command = ours.work(*words)
    watched = (sys.executable, "-I", "-S", peak.__file__, str(told), *command.words)
    spent = run(Work(watched, command.env, status=status), room)
    return Figure(work, "s", spent.seconds, processor=spent.processor, memory=int(told.read_text()))
