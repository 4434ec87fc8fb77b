"""Roots as they are now: where the links lead that stand for them."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from store.errors import StoreError
from store.index.schema import Root, Roots
from store.layout import Layout
from store.model.names import STORE_DIR, ObjectId, texts
from store.objects.portions import each

LINK = "link:"
"""How the names of roots begin that links stand for."""

FEW = 5000
"""Roots that one process looks at before another is worth its start."""


_NO_LINK = (errno.EINVAL, errno.ELOOP, errno.ENAMETOOLONG)
"""What says that something else stands there, or nothing can."""


class NamedRoot(NamedTuple):
    """A root as it is now. ``path`` is the link that stands for it, or None; ``holds`` what it
    keeps: nothing when the link is gone, or leads out of the store; ``since`` in Unix seconds."""

    name: str
    path: str | None
    recorded: ObjectId
    holds: ObjectId | None
    since: int


class Standing:
    """Every root of a snapshot; links are looked at when this is made.

    ``roots`` are names and values as in the index's table. CorruptObject when one is damaged.
    """

    def __init__(self, layout: Layout, roots: Sequence[tuple[bytes, bytes]]) -> None:
        self._roots = roots
        links = Links(layout)
        self._held = each(partial(_as_recorded, layout.objects), roots, FEW)
        # By place: what a root holds in the stead of what was recorded.
        self._instead: dict[int, ObjectId | None] = {}
        for at, digest in enumerate(self._held):
            if not digest:
                root = Root.unpack(roots[at][1])
                oid = links.holds(root.path, root.id)
                self._instead[at], self._held[at] = oid, oid.digest if oid else b""

    def held(self) -> list[bytes]:
        """The digests of what is held, several times where several roots do."""
        return list(filter(None, self._held))

    def named(self) -> list[NamedRoot]:
        """Each of them, by name."""
        return [self._root(at) for at in range(len(self._roots))]

    def dead(self) -> list[NamedRoot]:
        """Those that hold nothing, by name."""
        return [self._root(at) for at, oid in self._instead.items() if oid is None]

    def _root(self, at: int) -> NamedRoot:
        name, data = self._roots[at]
        root = Root.unpack(data)
        return NamedRoot(
            os.fsdecode(name),
            os.fsdecode(root.path) if root.path else None,
            root.id,
            self._instead.get(at, root.id),
            root.since,
        )


class Links:
    """Where links outside the store lead."""

    def __init__(self, layout: Layout) -> None:
        self._objects = layout.objects
        self._folders: dict[str, bool] = {STORE_DIR: True, layout.objects: True}

    def holds(self, path: bytes, recorded: ObjectId) -> ObjectId | None:
        """The object that a link leads to or into, if need be through other links; None when it is
        gone, is no link, or leads elsewhere. ``recorded`` when it cannot be looked at: it may be
        there, as on a disk that does not answer."""
        try:
            led = os.fsdecode(os.readlink(path))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        except OSError as error:
            return None if error.errno in _NO_LINK else recorded
        link = os.fsdecode(path)
        return self._named(os.path.join(os.path.dirname(link), led)) or self._within(link)

    def _named(self, path: str) -> ObjectId | None:
        folder, _, name = path.rpartition("/")
        return _parsed(name) if self._is_store(folder) else None

    def _within(self, link: str) -> ObjectId | None:
        real = os.path.realpath(link)
        for folder in (STORE_DIR, os.path.realpath(self._objects)):
            if real.startswith(f"{folder}/"):
                return _parsed(real[len(folder) + 1 :].partition("/")[0])
        return None

    def _is_store(self, folder: str) -> bool:
        # By what it is: the store may be reached by other names than when the link was made.
        if folder not in self._folders:
            try:
                self._folders[folder] = os.path.samefile(folder, self._objects)
            except OSError:
                self._folders[folder] = False
        return self._folders[folder]


def _parsed(name: str) -> ObjectId | None:
    try:
        return ObjectId.parse(name)
    except StoreError:
        return None


def _as_recorded(objects: str, roots: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    """The digest of what each root holds by its record; empty where its link is not as it was made,
    to an object in the folder ``objects``."""
    columns = Roots.unpack([data for _, data in roots])
    names = texts(columns.digests, columns.objects)
    # Encoded together: that is quicker than one by one.
    made = os.fsencode("".join([f"{objects}/{name}\0" for name in names])).split(b"\0")[:-1]
    found, readlink = [], os.readlink
    for digest, path, target in zip(columns.digests, columns.paths, made, strict=True):
        try:
            found.append(digest if not path or readlink(path) == target else b"")
        except (OSError, ValueError):
            found.append(b"")
    return found
