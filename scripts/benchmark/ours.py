"""Our side: the command as a user runs it, and stores filled through the index itself."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import store
from scripts.benchmark.measure import Work
from scripts.benchmark.shell import Shell
from store import digest
from store.index.env import Index
from store.index.writing import Writer
from store.layout.paths import Layout
from store.local.directories import make_directories
from store.model import identity
from store.model.file_tree import file
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects.presence import MTIME_NS

GRAPH = Path(__file__).parent / "graph" / "stages.py"

PROGRAM = str(Path(store.__file__).with_name("__main__.py"))
"""The file that ``scripts/store`` starts."""


class Ours:
    """A store of its own at ``root``, and a folder of recipes where one is needed."""

    def __init__(self, root: str, recipes: str | None = None) -> None:
        self.layout = Layout(root)
        self._recipes = recipes
        kept = {key: value for key, value in os.environ.items() if not key.startswith("STORE_")}
        self.environment = kept | {"TERM": "dumb", "STORE_SEED": "none"}
        make_directories(self.layout)
        Index.open(self.layout.index).close()

    def work(self, *words: str) -> Work:
        """A ``store`` command on this store, started as ``scripts/store`` starts it."""
        top = (sys.executable, "-I", "-S", PROGRAM, "--root", self.layout.root)
        recipes = ("--recipes", self._recipes) if self._recipes else ()
        return Work((*top, *recipes, *words), self.environment)


def write_recipes(folder: str, shell: Shell, builds: Sequence[Sequence[int]], script: str) -> str:
    """Make recipes of a graph of trivial derivations below ``folder``; returns their folder."""
    recipes, seed = Path(folder, "graph"), Path(folder, "bootstrap-seeds", "none")
    recipes.mkdir(parents=True)
    seed.mkdir(parents=True)
    (seed / "seed.json").write_text("{}")
    tar = f"{folder}/shell.tar"
    shell.pack(tar)
    sha256 = hashlib.sha256(Path(tar).read_bytes()).hexdigest()
    told = {"shell": [tar, sha256], "script": script, "builds": builds}
    (recipes / "builds.json").write_text(json.dumps(told))
    shutil.copy(GRAPH, recipes)
    return str(recipes)


def write_objects(layout: Layout, references: Iterable[Sequence[int]]) -> list[ObjectId]:
    """Put small whole objects in place, file and manifest; the index stays unaware.

    They are not synced. Each is a file of its references, of which no two are alike.
    """
    made: list[ObjectId] = []
    for number, below in enumerate(references):
        others = tuple(sorted(made[other] for other in below))
        content = "".join(f"{line}\n" for line in (f"object {number}", *(x.path for x in others)))
        made.append(_write_object(layout, f"object-{number}", content.encode(), others))
    return made


def _write_object(
    layout: Layout, name: str, content: bytes, others: tuple[ObjectId, ...]
) -> ObjectId:
    node = file(digest.file_digest(content), len(content))
    oid = identity.object_id(name, node.digest(), others, False)
    path = layout.object(oid)
    _write(path, content)
    os.utime(path, ns=(MTIME_NS, MTIME_NS))
    _write(f"{layout.manifests}/{oid}", Manifest(oid, others, False, node, {}).encode())
    return oid


def _write(path: str, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    try:
        os.write(fd, content)
    finally:
        os.close(fd)


def place(layout: Layout, oid: ObjectId) -> None:
    """Put a file where an object lies that the index alone knows: enough to be asked for."""
    _write(layout.object(oid), b"")
    os.utime(layout.object(oid), ns=(MTIME_NS, MTIME_NS))


def write_dump(target: str, paths: Sequence[str], references: Iterable[Sequence[int]]) -> None:
    """Write what ``nix-store --load-db`` and our ``register`` read, to the file ``target``.

    For each path: the path, the hash of its content, its size, no deriver, its references.
    """
    with open(target, "w", encoding="ascii") as stream:
        for number, (path, below) in enumerate(zip(paths, references, strict=True)):
            names = "".join(f"{paths[other]}\n" for other in below)
            stream.write(f"{path}\n{number:064x}\n{120 + number % 1000}\n\n{len(below)}\n{names}")


def link_roots(layout: Layout, links: dict[str, ObjectId]) -> None:
    """Make links to objects, and roots of them, in one transaction."""
    index = Index.open(layout.index)
    for path, oid in links.items():
        os.symlink(layout.object(oid), path)

    def transaction(txn: Writer) -> None:
        for path, oid in links.items():
            txn.roots.put(f"link:{os.path.basename(path)}", oid, os.fsencode(path))

    index.write(transaction)
    index.close()


def dead_objects(output: bytes) -> int:
    """How many objects the collector would delete, by the summary at the end of its JSON."""
    return int(json.loads(output.splitlines()[-1])["summary"]["objects"])
