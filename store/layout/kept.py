"""Trees that were kept of failed builds: each needs its build's inputs for as long as it stays."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from typing import Final, NamedTuple

from store.errors import Busy, FormatError, InvalidName
from store.layout.paths import Layout
from store.model.names import ObjectId
from store.system import owned
from store.system.beneath import FOLDER, open_beneath, open_file_beneath

REQUEST: Final = "request.json"
"""The file in a kept tree that holds the sandbox's request."""

LARGEST_REQUEST: Final = 16 << 20
"""Bytes of a request that are read at most."""

_UNREADABLE: Final = (OSError, ValueError, TypeError, AttributeError, RecursionError)


class KeptTree(NamedTuple):
    """A tree below ``failed/``; ``changed`` is when it was kept or entered last, in Unix seconds,
    and ``needs`` what its build had as inputs."""

    name: str
    changed: float
    needs: tuple[ObjectId, ...]


def kept_trees(layout: Layout) -> list[KeptTree]:
    """Return the kept trees that this user may see, by name; one without a request has no needs."""
    found = []
    with contextlib.suppress(OSError), _folder(layout) as folder:
        for name in sorted(os.listdir(folder)):
            with contextlib.suppress(OSError):
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                changed = max(status.st_mtime, status.st_ctime)
                found.append(KeptTree(name, changed, _needs(folder, name)))
    return found


@contextlib.contextmanager
def entered(path: str) -> Iterator[None]:
    """Keep a tree of this user's from being collected meanwhile, and for its time from now on.

    Raises Busy while it is being removed, NotOwner, and OSError.
    """
    fd = owned.open_folder(path)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"{path} is being removed", hint="`store realise -K` keeps a new one") from (
                None
            )
        os.utime(fd)
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def _folder(layout: Layout) -> Iterator[int]:
    fd = os.open(layout.failed, FOLDER)
    try:
        yield fd
    finally:
        os.close(fd)


def _needs(folder: int, name: str) -> tuple[ObjectId, ...]:
    try:
        tree = open_beneath(folder, name, FOLDER)
        try:
            fd = open_file_beneath(tree, REQUEST)
        finally:
            os.close(tree)
        with os.fdopen(fd, "rb") as stream:
            record = json.loads(stream.read(LARGEST_REQUEST))
        names = {*record["inputs"], *([record["rootfs"]] if record["rootfs"] else [])}
    except (*_UNREADABLE, KeyError):
        return ()
    return tuple(oid for text in sorted(map(str, names)) if (oid := _parsed(text)) is not None)


def _parsed(text: str) -> ObjectId | None:
    try:
        return ObjectId.parse(text)
    except (FormatError, InvalidName):
        return None
