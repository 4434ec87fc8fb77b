"""Files that appear whole or not at all: written beside their place, and renamed.

A reader sees the former file or the new one. A process that is killed leaves the former one, and
perhaps an *unfinished* file. No reader takes that for anything else, and the next writer in the
folder removes it. A failed write leaves the former one alone.

A *durable* file survives a power cut as soon as the call returns: the bytes are waited for before
the rename, and the folder's entry after it. Other files are there at once for all processes, and
are on disk when the system writes them, whole or empty.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from io import BufferedWriter
from typing import Final

from store.system import owned, unfinished
from store.system.durable import sync_folder

_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


@contextlib.contextmanager
def replacing(
    path: str,
    *,
    mode: int | None = None,
    durable: bool = False,
    own_folder: bool = False,
    follow: bool = False,
    aside: str | None = None,
    sweeping: bool = True,
) -> Iterator[BufferedWriter]:
    """Yield a new file, open to write and read, that takes the place of ``path`` at the end; after
    an error in the block it is removed, and ``path`` is as it was.

    - ``mode``: its permissions, whatever the umask; by default those of the file that it replaces,
      and without one those that the umask leaves.
    - ``durable``: wait for the disk. When the last wait alone fails, the new file is in its place.
    - ``own_folder``: refuse a folder of another user; NotOwner.
    - ``follow``: replace the file where a link at ``path`` leads; by default the link is replaced.
    - ``aside``: the path of the unfinished file, on the same disk, for a caller that is the only
      one to write there; the leftover of a killed process is overwritten.
    - ``sweeping``: remove the leftovers of killed processes in the folder, which is listed for it.

    Raises OSError with the name ``path``, also IsADirectoryError.
    """
    target = os.path.realpath(path) if follow else path
    if mode is None:
        mode = _present_mode(target)
    try:
        fresh, fd = _make(target, mode, aside, own_folder=own_folder)
        with open(fd, "rb", buffering=0):  # held until it has its name
            if sweeping and aside is None:
                unfinished.sweep(os.path.dirname(target))
            try:
                with open(os.dup(fd), "wb") as stream:
                    yield stream
                    _finish(stream, mode, durable)
                os.rename(fresh, target)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(fresh)
                raise
        if durable:
            _sync_above(target)
    except OSError as error:
        _name(error, path, aside)
        raise


def replace_file(
    path: str,
    data: bytes,
    *,
    mode: int | None = None,
    durable: bool = False,
    own_folder: bool = False,
    follow: bool = False,
) -> None:
    """Put a file with these bytes in the place of ``path``, as :func:`replacing` does."""
    with replacing(
        path, mode=mode, durable=durable, own_folder=own_folder, follow=follow
    ) as stream:
        stream.write(data)


def create_file(path: str, data: bytes, mode: int) -> None:
    """Make a durable file where nothing is. FileExistsError when something is there, whoever put it
    there in the meantime; OSError."""
    try:
        fresh, fd = _make(path, mode)
        with open(fd, "rb", buffering=0):
            unfinished.sweep(os.path.dirname(path))
            try:
                with open(os.dup(fd), "wb") as stream:
                    stream.write(data)
                    _finish(stream, mode, durable=True)
                os.link(fresh, path)  # a rename would replace
            finally:
                os.unlink(fresh)
        _sync_above(path)
    except OSError as error:
        _name(error, path)
        raise


def replace_link(path: str, target: str) -> None:
    """Make the link ``path``, or lead the one that is there to another target: at once for each
    reader, and on disk when this returns. Raises OSError; nothing has changed then, unless only the
    last wait failed."""
    try:
        while not _linked(path, target):
            pass
        unfinished.sweep(os.path.dirname(path))
        _sync_above(path)
    except OSError as error:
        _name(error, path)
        raise


def _linked(path: str, target: str) -> bool:
    """Make a link in the place of ``path``; False when a sweep removed it before it was there, as
    after a long stop of this process."""
    fresh = unfinished.name_beside(path)
    os.symlink(target, fresh)
    try:
        os.rename(fresh, path)
    except OSError:
        if not os.path.lexists(fresh):
            return False
        os.unlink(fresh)
        raise
    return True


def _present_mode(path: str) -> int | None:
    """Return the permissions of the file that is to be replaced; None where none is."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_mode & 0o777 if stat.S_ISREG(found.st_mode) else None


def _make(
    path: str, mode: int | None, aside: str | None = None, *, own_folder: bool = False
) -> tuple[str, int]:
    """Return the path and descriptor of an unfinished file for ``path``, which no sweep removes."""
    if aside is not None:
        with contextlib.suppress(FileExistsError):
            return aside, _create(aside, mode, own_folder)
        os.unlink(aside)
        return aside, _create(aside, mode, own_folder)
    while True:
        fresh = unfinished.name_beside(path)
        fd = _create(fresh, mode, own_folder)
        if unfinished.hold(fd, fresh):
            return fresh, fd
        os.close(fd)


def _create(path: str, mode: int | None, own_folder: bool) -> int:
    make = owned.open_file if own_folder else os.open
    return make(path, _NEW, 0o666 if mode is None else mode)


def _finish(stream: BufferedWriter, mode: int | None, durable: bool) -> None:
    stream.flush()
    if mode is not None:
        os.fchmod(stream.fileno(), mode)
    if durable:
        os.fsync(stream.fileno())


def _sync_above(path: str) -> None:
    with contextlib.suppress(PermissionError):  # entries may be made there, and none be listed
        sync_folder(os.path.dirname(path) or ".")


def _name(error: OSError, path: str, aside: str | None = None) -> None:
    """Let an error name the file that the caller asked for, not the unfinished one."""
    names = [name for name in (error.filename, error.filename2) if name is not None]
    if not names or any(name == aside or unfinished.is_one(name) for name in names):
        error.filename = path
    if error.filename2 is not None:
        del error.filename2
