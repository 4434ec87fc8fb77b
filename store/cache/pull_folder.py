"""The folder in which one object is put together, at a place that follows from the object.

The process that pulls the object has the folder locked. So another pull of it waits. One that comes
after a kill goes on with the files that are there, each of them checked first. A collection removes
a folder that nobody has, in time.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable
from typing import Final

from store.layout.paths import Layout
from store.model.names import ObjectId
from store.objects.placing import RECORD
from store.objects.staged import TOP
from store.system import owned
from store.system.locks import lock_alone
from store.system.removing import remove_tree

SUFFIX: Final = ".pull"
"""The end of the folder's name."""

FORMER: Final = b"former"
"""The name that an unfinished tree of an earlier pull has in the folder."""


class PullFolder:
    """A folder for an object, locked. ``waiting`` is called before another process is waited for.
    Busy when a stopped process has it. OSError, NotOwner."""

    def __init__(self, layout: Layout, oid: ObjectId, waiting: Callable[[ObjectId], None]) -> None:
        self.path: Final = f"{layout.partial}/{oid.text}{SUFFIX}"
        self.waited = False
        """True if another process had it first."""
        while True:
            self.fd = self._open(layout)
            try:
                self._lock(oid, waiting)
                if self._stands():
                    return
            except BaseException:
                os.close(self.fd)
                raise
            os.close(self.fd)  # the process that had it has removed it

    def _open(self, layout: Layout) -> int:
        os.close(owned.open_folder(layout.partial))
        with contextlib.suppress(FileExistsError):
            os.mkdir(self.path, 0o700)
        while True:
            try:
                return owned.open_folder(self.path)
            except FileNotFoundError:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(self.path, 0o700)

    def _lock(self, oid: ObjectId, waiting: Callable[[ObjectId], None]) -> None:
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.waited = True
            waiting(oid)
            lock_alone(self.fd, f"the download of {oid}")

    def _stands(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self.fd), os.lstat(self.path))
        except FileNotFoundError:
            return False

    def clear(self) -> bool:
        """Put a tree that is in the folder aside, for its files to be used; an older one goes.
        Returns whether there is one."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(RECORD, dir_fd=self.fd)
        if os.path.lexists(f"{self.path}/{os.fsdecode(TOP)}"):
            remove_tree(f"{self.path}/{os.fsdecode(FORMER)}")
            os.rename(TOP, FORMER, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        return os.path.lexists(f"{self.path}/{os.fsdecode(FORMER)}")

    def remove(self) -> None:
        """Remove the folder with all that is in it, and let go of it. If some cannot be
        removed now, it is left to a collection."""
        remove_tree(self.path)
        os.close(self.fd)
