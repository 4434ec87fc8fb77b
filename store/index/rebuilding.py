"""Putting another index in the place of the one that is there, which is kept aside."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from store.canon import Value
from store.errors import Busy
from store.index import making, records
from store.index.env import Index, use_lock
from store.index.filesystem import refuse_network
from store.index.records import Scan
from store.index.writing import Writer
from store.system import owned
from store.system.clock import unix_seconds
from store.system.durable import sync_folder
from store.system.locks import make_held

ASIDE = "replaced-"
"""The beginning of the names of replaced files."""


TIMES = 16
"""How many times as long as an index what it tells may be as records; it is twice at the most,"""
SPARE = 16 << 20
"""and these bytes more."""


@dataclass(frozen=True)
class Workshop:
    """A folder beside the index, which nobody else uses meanwhile."""

    index: str
    folder: str

    def salvage(self, source: str) -> Scan:
        """Return the readable part of an index file at ``source``, but for the objects.

        For a helping process: reading a file that is cut short may end it. Raises the errors of
        :meth:`Index.open`, and OSError.
        """
        place = f"{self.folder}/old"
        os.mkdir(place, 0o700)
        shutil.copyfile(source, f"{place}/data.mdb")
        index = Index.open(place, spending=True)
        # Pages of a damaged index may lead to each other again and again.
        most = SPARE + TIMES * os.path.getsize(source)
        with index.read() as txn:
            records.write_whole(f"{self.folder}/salvaged", txn, times=True, most=most)
        index.close()
        shutil.rmtree(place)
        return Scan(f"{self.folder}/salvaged")

    def fill(
        self,
        work: Callable[[Writer], None],
        record_file: str,
        more: Callable[[], Iterable[list[Value]]],
    ) -> None:
        """Make the new index with what ``work`` writes, in one transaction, and its record file,
        which has also what ``more`` tells then."""
        place = f"{self.folder}/new"
        os.mkdir(place, 0o700)
        index = Index.open(place, spending=True)
        index.write(work)
        with index.read() as txn:
            records.write_whole(f"{self.folder}/records", txn, more=more())
        index.close()
        self._swap(f"{place}/data.mdb", record_file)

    def _swap(self, fresh: str, record_file: str) -> None:
        now = time.time_ns()
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(unix_seconds()))
        aside = f"{self.index}/{ASIDE}{stamp}.{now // 1000 % 10**6:06}Z"
        # By link, so that at no instant there is none.
        for path, name in (
            (f"{self.index}/data.mdb", f"{aside}.mdb"),
            (record_file, f"{aside}.records"),
        ):
            with contextlib.suppress(FileNotFoundError):
                _set_aside(path, name)
        os.rename(f"{self.folder}/records", record_file)
        sync_folder(os.path.dirname(record_file))
        # The reader table belongs to the file that goes, and nobody has it open.
        with contextlib.suppress(FileNotFoundError):
            _unlink(f"{self.index}/lock.mdb", f"{aside}.lock")
        os.rename(fresh, f"{self.index}/data.mdb")
        sync_folder(self.index)


def _unlink(path: str, name: str) -> None:
    """Remove a file; anything else goes to ``name``."""
    if stat.S_ISREG(os.lstat(path).st_mode):
        os.unlink(path)
    else:
        os.rename(path, name)


def _set_aside(path: str, name: str) -> None:
    if not stat.S_ISREG(os.lstat(path).st_mode):
        # Nothing that anybody could use meanwhile; a folder could not be replaced.
        os.rename(path, name)
        return
    try:
        with contextlib.suppress(FileExistsError):
            os.link(path, name)
    except OSError:
        # A file system without hard links.
        shutil.copyfile(path, name)


@contextlib.contextmanager
def workshop(index: str) -> Iterator[Workshop]:
    """Work alone with the index in the folder ``index``, until the end.

    Raises Busy while another process has it open for writing, NotOwner when it is another user's,
    NetworkFileSystem.
    """
    refuse_network(index)
    os.close(owned.open_folder(index))
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(os.lstat(use_lock(index)).st_mode):
            os.rename(use_lock(index), f"{index}/{ASIDE}use.{time.time_ns()}")
    fd = owned.open_lock(use_lock(index))
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(
                f"the index in {index} is in use", hint="wait until other commands have finished"
            ) from None
        making.sweep(index)
        folder, hold = make_held(index, making.PREFIX)
        try:
            yield Workshop(index, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            hold.release()
    finally:
        os.close(fd)
