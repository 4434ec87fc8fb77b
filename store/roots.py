"""Roots as they are now: where the links lead that stand for them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from store.errors import StoreError
from store.index.schema import Roots
from store.layout import Layout
from store.model.names import STORE_DIR, ObjectId, texts
from store.objects.portions import each

LINK = "link:"
"""How the names of roots begin that links stand for."""

FEW = 5000
"""Links that one process looks at before another is worth its start."""


class NamedRoot(NamedTuple):
    """A root as it is now. ``path`` is the link that stands for it, or None; ``holds`` what it
    keeps: nothing when the link is gone, or leads out of the store; ``since`` in Unix seconds."""

    name: str
    path: str | None
    recorded: ObjectId
    holds: ObjectId | None
    since: int


class Standing:
    """Every root of a snapshot; links are looked at when this is made."""

    def __init__(self, layout: Layout, roots: Roots) -> None:
        self._roots = roots
        links = Links(layout)
        linked = [at for at, path in enumerate(roots.paths) if path]
        names = texts([roots.digests[at] for at in linked], [roots.objects[at] for at in linked])
        paths = [roots.paths[at] for at in linked]
        # By place: what a root holds in the stead of what was recorded.
        self._instead = {linked[at]: links.target(paths[at]) for at in links.astray(paths, names)}

    def __len__(self) -> int:
        return len(self._roots.names)

    def held(self) -> list[bytes]:
        """The digests of what is held, several times where several roots do."""
        found: list[bytes] = list(self._roots.digests)
        for at, oid in self._instead.items():
            found[at] = oid.digest if oid else b""
        return list(filter(None, found))

    def named(self) -> list[NamedRoot]:
        """Each of them, by name."""
        return list(map(self._root, range(len(self))))

    def dead(self) -> list[NamedRoot]:
        """Those that hold nothing, by name."""
        return [self._root(at) for at, oid in self._instead.items() if oid is None]

    def _root(self, at: int) -> NamedRoot:
        roots = self._roots
        recorded = ObjectId(roots.digests[at], roots.objects[at])
        return NamedRoot(
            os.fsdecode(roots.names[at]),
            os.fsdecode(roots.paths[at]) if roots.paths[at] else None,
            recorded,
            self._instead.get(at, recorded),
            roots.since[at],
        )


class Links:
    """Where links outside the store lead."""

    def __init__(self, layout: Layout) -> None:
        self._objects = layout.objects
        self._folders: dict[str, bool] = {STORE_DIR: True, layout.objects: True}

    def astray(self, paths: Sequence[bytes], names: Sequence[str]) -> list[int]:
        """At which places a link is not as it was made, to the object ``<digest>-<name>``."""
        if not paths:
            return []
        # Encoded together: that is quicker than one by one.
        usual = os.fsencode("\0".join([f"{self._objects}/{name}" for name in names])).split(b"\0")
        as_made = each(_as_made, list(zip(paths, usual, strict=True)), FEW)
        return [at for at, same in enumerate(as_made) if not same]

    def target(self, path: bytes) -> ObjectId | None:
        """The object that a link names; None when it is gone, no link, or leads elsewhere."""
        try:
            folder, _, name = os.fsdecode(os.readlink(path)).rpartition("/")
        except (OSError, ValueError):
            return None
        if not self._is_store(folder):
            return None
        try:
            return ObjectId.parse(name)
        except StoreError:
            return None

    def _is_store(self, folder: str) -> bool:
        # By what it is: the store may be reached by other names than when the link was made.
        if folder not in self._folders:
            try:
                self._folders[folder] = os.path.samefile(folder, self._objects)
            except OSError:
                self._folders[folder] = False
        return self._folders[folder]


def _as_made(links: Sequence[tuple[bytes, bytes]]) -> bytes:
    """For each path and target, whether the link leads there: 1 or 0."""
    found, readlink = bytearray(), os.readlink
    for path, target in links:
        try:
            found.append(readlink(path) == target)
        except (OSError, ValueError):
            found.append(False)
    return bytes(found)
