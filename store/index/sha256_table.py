"""The SHA-256 of contents: for servers that name files by it, beside the BLAKE3 that we have.

A file of its own, ``sha256.mdb``: it follows from the objects, so it is not copied with the rest,
and a damaged one is thrown away. It is a hint, and nobody believes it: bytes from a server are
checked by their BLAKE3. Keys are plain BLAKE3 (32 bytes), values SHA-256 (32).
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

import lmdb

from store.errors import StoreError
from store.index import tail
from store.system import owned
from store.system.locks import turn

T = TypeVar("T")

_FIRST_MAP: Final = 16 << 20
_SIZE: Final = 32
_DAMAGED: Final = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
)


class Sha256Table:
    """The table in an index's folder, open during a call only. An entry that cannot be read or
    written is left out."""

    def __init__(self, index: str) -> None:
        self._path = f"{index}/sha256.mdb"
        self._lock = f"{index}/sha256.lock"

    def find(self, contents: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the SHA-256 of those of the contents that are known."""
        if not os.path.exists(self._path):
            return {}

        def work(env: Any) -> dict[bytes, bytes]:
            with env.begin() as txn, txn.cursor() as cursor:
                found = dict(cursor.getmulti([*contents]))
            return {key: value for key, value in found.items() if len(value) == _SIZE}

        return self._with(work, readonly=True) or {}

    def note(self, found: Mapping[bytes, bytes]) -> None:
        """Keep the SHA-256 of contents."""
        if not found:
            return

        def work(env: Any) -> None:
            env.reader_check()
            while True:
                try:
                    with env.begin(write=True) as txn, txn.cursor() as cursor:
                        cursor.putmulti(sorted(found.items()))
                    return
                except lmdb.MapFullError:
                    env.set_mapsize(env.info()["map_size"] * 2)

        self._with(work, readonly=False)

    def clear(self) -> None:
        """Remove all of it, and anything but a file in the place of its lock. OSError."""
        for path in (self._path, f"{self._path}-lock"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        if os.path.lexists(self._lock) and not stat.S_ISREG(os.lstat(self._lock).st_mode):
            os.unlink(self._lock)

    def _with(self, work: Callable[[Any], T], *, readonly: bool) -> T | None:
        with contextlib.ExitStack() as stack, contextlib.suppress(lmdb.Error, OSError, StoreError):
            # Before LMDB's own lock, which a process that is stopped would keep for good.
            lock = owned.open_lock(self._lock)
            stack.callback(os.close, lock)
            stack.enter_context(turn(lock, f"the table of digests {self._path}"))
            try:
                env = stack.enter_context(contextlib.closing(self._open(readonly=readonly)))
                return work(env)
            except _DAMAGED:
                self.clear()
        return None

    def _open(self, *, readonly: bool) -> Any:
        size = os.stat(self._path).st_size if os.path.exists(self._path) else 0
        env = lmdb.open(
            self._path,
            subdir=False,
            map_size=max(_FIRST_MAP, 1 << max(size - 1, 0).bit_length()),
            readonly=readonly,
            create=not readonly,
            metasync=False,
            mode=owned.PRIVATE_FILE,
        )
        if size and tail.lacking(env, self._path):
            env.close()
            raise lmdb.CorruptedError("the file is cut short")
        return env
