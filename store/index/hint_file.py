"""A file of an index that is a hint: it follows from the objects, and a damaged one is thrown away.

It is LMDB's, beside a lock of our own. It is not copied with the rest of the index.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

import lmdb

from store.errors import StoreError
from store.index import tail
from store.system import owned
from store.system.locks import turn

T = TypeVar("T")

_TURN: Final = threading.RLock()
"""Of the threads of this process: LMDB's file is open once in each, and so is ours."""

DAMAGED: Final = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
    lmdb.IncompatibleError,
    lmdb.NotFoundError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
    struct.error,
)
"""Errors after which a file is thrown away."""


class HintFile:
    """The file ``<name>.mdb`` in an index's folder, a table of ``contents``. ``first_map`` is the
    least size of its map in bytes; ``tables`` has room for so many with a name, ``readers`` for so
    many processes and threads."""

    def __init__(
        self,
        index: str,
        name: str,
        *,
        contents: str,
        first_map: int,
        tables: int = 0,
        readers: int = 126,
    ) -> None:
        self.path = f"{index}/{name}.mdb"
        self._lock = f"{index}/{name}.lock"
        self._contents = contents
        self._first_map = first_map
        self._tables = tables
        self._readers = readers

    def clear(self) -> None:
        """Remove all of it, and anything but a file in the place of its lock. OSError."""
        for path in (self.path, f"{self.path}-lock"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        if os.path.lexists(self._lock) and not stat.S_ISREG(os.lstat(self._lock).st_mode):
            os.unlink(self._lock)

    def use(self, work: Callable[[Any], T], *, readonly: bool) -> T | None:
        """Run ``work`` on the open file, alone; None when it cannot be had. A damaged file is
        removed, so that the next one begins anew."""
        with (
            _TURN,
            contextlib.ExitStack() as stack,
            contextlib.suppress(lmdb.Error, OSError, StoreError),
        ):
            # Before LMDB's own lock, which a process that is stopped would keep for good.
            lock = owned.open_lock(self._lock)
            stack.callback(os.close, lock)
            stack.enter_context(turn(lock, f"the table of {self._contents} {self.path}"))
            try:
                env = stack.enter_context(contextlib.closing(self.open(readonly=readonly)))
                if not readonly:
                    env.reader_check()
                return work(env)
            except DAMAGED:
                self.clear()
        return None

    def open(self, *, readonly: bool) -> Any:
        """Return the open file; lmdb.Error, OSError."""
        size = os.stat(self.path).st_size if os.path.exists(self.path) else 0
        env = lmdb.open(
            self.path,
            subdir=False,
            map_size=max(self._first_map, 1 << max(size - 1, 0).bit_length()),
            readonly=readonly,
            create=not readonly,
            # The last transaction may be lost by a power cut, and nothing more.
            metasync=False,
            mode=owned.PRIVATE_FILE,
            max_dbs=self._tables,
            max_readers=self._readers,
        )
        if size and tail.lacking(env, self.path):
            env.close()
            raise lmdb.CorruptedError("the file is cut short")
        return env
