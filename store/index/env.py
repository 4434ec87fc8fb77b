"""The LMDB environment: opening it, and transactions in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import lmdb

from store.errors import (
    Busy,
    FormatError,
    InvalidName,
    NotOwner,
    StorageError,
    StoreFull,
    StoreReadOnly,
    storage_error,
)
from store.index import reserve, tail
from store.index.filesystem import refuse_network
from store.index.growing import growing
from store.index.reading import Reader
from store.index.schema import SCHEMA, TABLES, Tables
from store.index.tables import TableReader, TableWriter
from store.system import owned
from store.system.beneath import open_file_beneath, opened
from store.system.locks import turn

if TYPE_CHECKING:
    from store.index.writing import Writer

T = TypeVar("T")

FIRST_MAP = 64 << 20
"""Bytes of address space that a new map takes; it doubles when it is full."""

MAX_READERS = 1024
"""Processes that can read at once."""

_LOCK_SIZE = 4096 + 64 * MAX_READERS
"""Bytes that LMDB's lock file takes at most: a page for its head, a cache line for each reader."""


_MISREAD = (FormatError, InvalidName, struct.error, ValueError, IndexError, OverflowError)
"""Errors of reading a value that is not of its table's form."""


class Index:
    """One process's view of the environment. Readers never wait; writers wait for each other."""

    def __init__(
        self,
        path: str,
        env: Any,
        tables: Tables,
        writable: bool,
        *,
        full: bool = False,
        use: int | None = None,
        record_file: str | None = None,
        owner: int,
    ) -> None:
        self._path = path
        self._owner = owner
        self._records = record_file
        self._full = full
        self._env = env
        self._tables = tables
        self._writable = writable
        self._use = use
        self._pid = os.getpid()

    @classmethod
    def open(
        cls,
        path: str,
        *,
        map_size: int = FIRST_MAP,
        spending: bool = False,
        record_file: str | None = None,
        owner: int | None = None,
    ) -> Index:
        """Return the index in the folder ``path``. It is made when the folder is empty, and brought
        to the present schema when it is older and this user's.

        ``spending`` uses the reserve when the disk is full, as a process that frees space may.
        ``record_file`` keeps the facts that nothing else on disk has. ``owner`` is the store's, on
        which it depends whether this process may write; the folder's by default. Raises
        NetworkFileSystem, SchemaMismatch, StoreFull, StoreReadOnly, Busy or CorruptObject.
        """
        refuse_network(path)
        owner = os.stat(path).st_uid if owner is None else owner
        writable = os.access(path, os.W_OK) and owner == os.geteuid()
        data = f"{path}/data.mdb"
        if not writable and not os.path.exists(data):
            raise StoreReadOnly(f"there is no index in {path}, and it cannot be made there")
        if writable and spending:
            reserve.spend(path)
        full = writable and not reserve.fits(f"{path}/lock.mdb", _LOCK_SIZE)
        writable = writable and not full
        use = _take_use(path) if writable else None
        env = None
        try:
            if writable and not os.path.exists(data):
                from store.index import making

                making.make(path, map_size, making.make_tables)
            env = _open_env(path, map_size, writable)
            if writable:
                # Readers that were killed are dropped, so that their pages can be used again.
                env.reader_check()
                if not spending:
                    reserve.keep(path)
            with _turn(use, path):
                # LMDB looks for a table in a transaction that writes.
                tables = _open_tables(env, writable, use)
            return cls(
                path,
                env,
                tables,
                writable,
                full=full,
                use=use,
                record_file=record_file,
                owner=owner,
            )
        except BaseException as error:
            if env is not None:
                env.close()
            if use is not None:
                os.close(use)
            if isinstance(error, lmdb.Error):
                raise _translate(error, path) from error
            if isinstance(error, OSError):
                raise storage_error(error, f"cannot open the index in {path}") from error
            raise

    def close(self) -> None:
        """Close the environment."""
        self._env.close()
        if self._use is not None:
            os.close(self._use)
            self._use = None

    def spend_reserve(self) -> None:
        """Give the index its reserve, if the disk is all but full by now."""
        if self._writable:
            reserve.spend(self._path)

    def keep_reserve(self) -> None:
        """Set the spent reserve aside again, if there is room now."""
        if self._writable:
            reserve.keep(self._path)

    def prefetch(self) -> None:
        """Have the kernel read all of the index now, for a process that will look at most of it: in
        order, and not page by page as they are asked for."""
        fd = os.open(f"{self._path}/data.mdb", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_WILLNEED)
        finally:
            os.close(fd)

    def copy_to(self, fd: int) -> None:
        """Write a copy, as of now, to a file that is open for writing; writers go on. StorageError
        when one did, and this process may not lock the index."""
        self._own()
        try:
            before = self._env.info()["last_txnid"]
            # With its free pages: to leave them out, LMDB (0.9.36) goes through all tables, and
            # dies of the referrers of an object that has more of them than a page takes.
            self._env.copyfd(fd, compact=False)
            if not self._writable and self._env.info()["last_txnid"] != before:
                raise self._disturbed()
        except lmdb.Error as error:
            raise _translate(error, self._path) from error

    def check_writable(self) -> None:
        """Raise NotOwner or StoreReadOnly, unless this process may write."""
        # As it was when the store was opened: the file there now may be another's doing.
        if self._owner != os.geteuid():
            raise NotOwner(
                f"this store belongs to user {self._owner}, not to {os.geteuid()}",
                hint="run as its owner, or use a store of your own with --root or $STORE_ROOT",
            )
        if self._full:
            raise StoreFull(
                f"the index in {self._path} was opened for reading only, as the disk is full",
                hint="free some space; finished work is not lost",
            )
        if not self._writable:
            raise StoreReadOnly(f"the index in {self._path} cannot be written to")

    @contextlib.contextmanager
    def read(self) -> Iterator[Reader]:
        """Open a snapshot for reading."""
        self._own()
        try:
            with self._begin() as txn:
                try:
                    yield Reader(TableReader(txn, self._tables))
                finally:
                    if not self._writable:
                        self._check_undisturbed(txn.id())
        except (lmdb.Error, *_MISREAD) as error:
            raise _translate(error, self._path) from error

    def _begin(self) -> Any:
        try:
            return self._env.begin()
        except lmdb.MapResizedError:
            self._env.set_mapsize(0)
            return self._env.begin()

    def _check_undisturbed(self, snapshot: int) -> None:
        # Without a lock, the pages of a snapshot are used again from the third commit after it.
        if self._env.info()["last_txnid"] - snapshot > 1:
            raise self._disturbed()

    def _disturbed(self) -> StorageError:
        return StorageError(
            f"the index in {self._path} was written to while it was read without a lock",
            hint="run the command again, or as the store's owner",
        )

    def write(self, work: Callable[[Writer], T]) -> T:
        """Run ``work`` in one transaction; again from its start when the map has to grow."""
        self._own()
        self.check_writable()
        try:
            with _turn(self._use, self._path):
                return growing(self._env, lambda txn: self._write_in(txn, work))
        except (lmdb.Error, struct.error) as error:
            raise _translate(error, self._path) from error

    def _write_in(self, txn: Any, work: Callable[[Writer], T]) -> T:
        from store.index.writing import Writer

        writer = Writer(TableWriter(txn, self._tables))
        result = work(writer)
        changes = writer.changes
        if (changes.told or changes.forgotten) and self._records is not None:
            from store.index import records

            # Before the commit: all that the index says can be read there, too. More does no harm.
            records.keep(self._records, writer)
        return result

    def _own(self) -> None:
        # LMDB's locks are the process's; after a fork the child has none of them.
        if os.getpid() != self._pid:
            raise StorageError("the index was used in a forked process")


def _open_env(path: str, map_size: int, writable: bool) -> Any:
    def env() -> Any:
        if not writable:
            return _open_for_reading(path, map_size)
        return lmdb.open(
            path,
            map_size=max(map_size, _size(data)),
            max_dbs=len(TABLES) + 4,
            max_readers=MAX_READERS,
            # That of the lock table, as the file is there: another user could stop all by a lock.
            mode=owned.PRIVATE_FILE,
        )

    data = f"{path}/data.mdb"
    opened = env()
    lacking = tail.lacking(opened, data)
    if lacking:
        opened.close()
        tail.check(data, env, writable=writable)
        if writable:
            # Pages of no use, so that it is not asked again.
            reserve.lengthen(data, lacking)
        opened = env()
    return opened


def _open_for_reading(path: str, map_size: int) -> Any:
    """Open it below its folder, by no link: another user may exchange the files there."""
    with opened(path) as folder:
        fd = open_file_beneath(folder, "data.mdb")
    try:
        return lmdb.open(
            f"/proc/self/fd/{fd}",
            map_size=max(map_size, 1 << max(os.fstat(fd).st_size - 1, 0).bit_length()),
            subdir=False,
            create=False,
            readonly=True,
            # A user that may not write the lock table reads without one, for the moment it takes.
            lock=False,
            max_dbs=len(TABLES) + 4,
        )
    finally:
        os.close(fd)


def _open_tables(env: Any, writable: bool, use: int | None) -> Tables:
    version = _schema(env)
    if version is None:
        if not writable:
            raise StoreReadOnly("the index is empty, and cannot be written to")
        from store.index import making

        making.make_tables(env)
    elif version != b"%d" % SCHEMA:
        from store.index import migration

        migration.bring_up_to_date(env, version, use if writable else None)
    # Each handle in a transaction of its own: one that was opened in a reading transaction, beside
    # others, does not outlive it.
    return {name: env.open_db(name, create=False, **flags) for name, flags in TABLES.items()}


def _schema(env: Any) -> bytes | None:
    with env.begin(write=False) as txn:
        made = txn.get(b"meta") is not None
    meta = env.open_db(b"meta", create=False) if made else None
    with env.begin(write=False) as txn:
        return txn.get(b"schema", db=meta) if made else None


def _take_use(path: str) -> int:
    """Return a shared hold of the index, until its descriptor is closed; Busy while it is made
    anew."""
    fd = owned.open_lock(use_lock(path))
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise Busy(f"the index in {path} is being made anew", hint="try again soon") from None
    return fd


def _turn(use: int | None, path: str) -> contextlib.AbstractContextManager[None]:
    """Return the right to write. LMDB's own lock comes after it, and is free then: no signal ends
    the wait for that one, as when the process that has it is stopped. Raises Busy."""
    if use is None:
        return contextlib.nullcontext()
    return turn(use, f"the index in {path}")


def use_lock(path: str) -> str:
    """Return the file by whose lock processes use the index in the folder ``path``, or make it
    anew."""
    return f"{path}/use"


def _size(path: str) -> int:
    try:
        size = os.stat(path).st_size
    except OSError:
        return 0
    return 1 << max(size - 1, 0).bit_length()


def _translate(error: Exception, path: str) -> StorageError:
    from store.index import lmdb_errors  # only where something went wrong

    return lmdb_errors.translate(error, path)
