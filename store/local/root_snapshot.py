"""Roots as they are now: where the links lead that stand for them."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from store.digest import file_digest
from store.errors import StoreError
from store.index.schema import Root, RootColumns
from store.layout.paths import Layout
from store.model.names import STORE_DIR, ObjectId, texts
from store.system.parallel import map_each

LINK = "link:"
"""How the names of roots begin that links stand for."""

FEW = 5000
"""Roots that one process looks at before another is worth its start."""


UNSEEN = 30 * 86400.0
"""Seconds for which a root is kept whose link is out of sight: on a disk that is not mounted."""

_NO_LINK = (errno.EINVAL, errno.ELOOP, errno.ENAMETOOLONG)
"""Errors that say that something else stands there, or nothing can."""


class NamedRoot(NamedTuple):
    """A root as it is now. ``path`` is the link that stands for it, or None; ``holds`` its object:
    nothing when the link is missing, or leads out of the store; ``since`` in Unix seconds, as
    ``unseen``: since when the link is out of sight, if it is."""

    name: str
    path: str | None
    recorded: ObjectId
    holds: ObjectId | None
    since: int
    unseen: int | None = None


class Sight(NamedTuple):
    """Known places of links, by the names of roots: the marks of their folders (see
    :func:`folder_mark`), and since when (Unix seconds) links are out of sight."""

    folders: Mapping[bytes, int] = {}
    unseen: Mapping[bytes, int] = {}


class Look(NamedTuple):
    """The target of a link. ``hidden`` says that it may be there, out of sight: where its folder is
    not there, or not the one that it was made in. ``closed``, that the system does not show it."""

    holds: ObjectId | None
    hidden: bool = False
    closed: bool = False


class RootSnapshot:
    """Every root of a snapshot; links are looked at when this is made.

    ``roots`` are names and values as in the index's table. A link out of sight is kept for
    ``patience`` seconds. CorruptObject when one is damaged.
    """

    def __init__(
        self,
        layout: Layout,
        roots: Sequence[tuple[bytes, bytes]],
        sight: Sight = Sight(),  # noqa: B008 - a frozen value
        patience: float = UNSEEN,
    ) -> None:
        self._roots = roots
        self._sight = sight
        self._unseen: dict[int, int] = {}
        links = LinkResolver(layout)
        self._held = map_each(partial(_as_recorded, layout.objects), roots, FEW)
        # By place: the object that a root holds in the stead of the recorded one.
        self._instead: dict[int, ObjectId | None] = {}
        for at, digest in enumerate(self._held):
            if not digest:
                root = Root.unpack(roots[at][1])
                look = links.look(root.path, root.id, sight.folders.get(roots[at][0]))
                oid = look.holds
                if look.hidden or look.closed:
                    now = int(time.time())
                    since = self._unseen[at] = min(now, sight.unseen.get(roots[at][0], now))
                    oid = root.id if look.closed or now - since < patience else None
                self._instead[at], self._held[at] = oid, oid.digest if oid else b""

    def held(self) -> list[bytes]:
        """Return the digests of held objects, several times where several roots do."""
        return list(filter(None, self._held))

    def named(self) -> list[NamedRoot]:
        """Return each of them, by name."""
        return [self._root(at) for at in range(len(self._roots))]

    def dead(self) -> list[NamedRoot]:
        """Return those that hold nothing, by name."""
        return [self._root(at) for at, oid in self._instead.items() if oid is None]

    def unseen(self) -> list[NamedRoot]:
        """Return those that are out of sight and hold what they did, by name."""
        return [self._root(at) for at in self._unseen if self._instead[at] is not None]

    def sight(self) -> dict[bytes, int | None]:
        """Return since when each root is out of sight, by name, where that is not yet known; None
        where it is not any more."""
        now = {self._roots[at][0]: since for at, since in self._unseen.items()}
        fresh: dict[bytes, int | None] = {
            name: since for name, since in now.items() if name not in self._sight.unseen
        }
        return fresh | {name: None for name in self._sight.unseen if name not in now}

    def folders(self) -> dict[bytes, int]:
        """Return the marks of the folders of links in sight, by the roots' names, where they are
        not as noted: of a folder that was restored or moved, or noted by an older version."""
        marks: dict[bytes, int] = {}
        changed: dict[bytes, int] = {}
        paths = RootColumns.unpack([data for _, data in self._roots]).paths
        for at, ((name, _), path) in enumerate(zip(self._roots, paths, strict=True)):
            if not path or at in self._unseen or not self._held[at]:
                continue
            folder = os.path.dirname(path)
            if folder not in marks:
                marks[folder] = folder_mark(folder)
            if self._sight.folders.get(name) != marks[folder] and marks[folder]:
                changed[name] = marks[folder]
        return changed

    def _root(self, at: int) -> NamedRoot:
        name, data = self._roots[at]
        root = Root.unpack(data)
        return NamedRoot(
            os.fsdecode(name),
            os.fsdecode(root.path) if root.path else None,
            root.id,
            self._instead.get(at, root.id),
            root.since,
            self._unseen.get(at),
        )


class LinkResolver:
    """Where links outside the store lead."""

    def __init__(self, layout: Layout) -> None:
        self._objects = layout.objects
        self._folders: dict[str, bool] = {STORE_DIR: True, layout.objects: True}

    def look(self, path: bytes, recorded: ObjectId, folder: int | None = None) -> Look:
        """Return the object that a link leads to or into, if need be through other links.
        ``folder`` is the mark of the folder that it was made in, if that is known; ``recorded``,
        the object."""
        try:
            led = os.fsdecode(os.readlink(path))
        except (FileNotFoundError, NotADirectoryError):
            return Look(None, hidden=_hides(os.path.dirname(path), folder))
        except ValueError:
            return Look(None)
        except OSError as error:
            closed = error.errno not in _NO_LINK
            return Look(recorded if closed else None, closed=closed)
        link = os.fsdecode(path)
        oid = self._named(os.path.join(os.path.dirname(link), led)) or self._within(link)
        if oid is not None:
            return Look(oid)
        real = os.path.realpath(link)
        return Look(None, hidden=not os.path.lexists(real) and _hides(os.path.dirname(real), None))

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


def folder_mark(folder: str | bytes) -> int:
    """Return a number of 63 bits by which a folder is known again; 0 when it cannot be looked at.

    Both the inode and the file system count, as the top folders of disks share their inodes.
    """
    try:
        seen = f"{os.stat(folder).st_ino} {os.statvfs(folder).f_fsid}"
    except OSError:
        return 0
    return int.from_bytes(file_digest(seen.encode())[:8], "big") >> 1


def _hides(folder: str | bytes, made_in: int | None) -> bool:
    """Return whether a folder that lacks a link is not the one that has it: it is not there, cannot
    be looked at, or is another one, as where nothing is mounted. An unknown one is when it is
    empty.
    """
    try:
        if made_in is not None:
            return folder_mark(folder) != made_in
        with os.scandir(folder) as scan:
            return next(scan, None) is None
    except OSError:
        return True


def _parsed(name: str) -> ObjectId | None:
    try:
        return ObjectId.parse(name)
    except StoreError:
        return None


def _as_recorded(objects: str, roots: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    """Return the digest of what each root holds by its record; empty where its link is not as it
    was made, to an object in the folder ``objects``."""
    columns = RootColumns.unpack([data for _, data in roots])
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
