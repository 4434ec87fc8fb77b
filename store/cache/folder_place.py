"""A folder as the place of a cache."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping
from typing import BinaryIO, Final, NamedTuple

from store.display import printable, reason
from store.errors import CorruptObject, UnknownObject
from store.job_errors import CacheUnusable
from store.system import kernel, unfinished
from store.system.durable import open_file
from store.system.whole_file import replacing

CHUNK = 1 << 20
"""Bytes that are read at a time."""

_NOT_FOLDERS: Final = (FileExistsError, NotADirectoryError)
_NO_FOLDER: Final = "there is a file in the place of a folder"

_FULL: Final = "free some space there; the next push goes on from here"
_HINTS: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR), "name another folder, or remove the file"),
    errno.EROFS: "this disk is mounted for reading alone: name another folder",
    **dict.fromkeys((errno.ELOOP, errno.EINVAL, errno.EISDIR), "remove it, and push again"),
    errno.EACCES: "run this as a user who may read it, and for a push or a prune, write to it",
}
"""The hint, by the number of the error."""


class PlacedFile(NamedTuple):
    """A file of a folder: its name, its bytes, and when it was written, in Unix seconds. One that
    is not ``regular`` is a link, a fifo or the like."""

    name: str
    size: int
    written: float
    regular: bool = True


class FolderPlace:
    """The folder at ``path``. It is made when something is put."""

    ranges = True

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)

    @property
    def name(self) -> str:
        """The folder, as a path."""
        return self.path

    def get(self, names: Collection[str], limit: int) -> Mapping[str, bytes]:
        """Return whole small files; of a longer one, ``limit + 1`` bytes."""
        found = {}
        for name in names:
            fd = self._open(name)
            if fd is not None:
                with self._errors(name), os.fdopen(fd, "rb") as stream:
                    found[name] = stream.read(limit + 1)
        return found

    def sizes(self, names: Collection[str]) -> Mapping[str, int]:
        """Return the bytes of each file that is there."""
        found = {}
        for name in names:
            fd = self._open(name)
            if fd is not None:
                found[name] = os.fstat(fd).st_size
                os.close(fd)
        return found

    def read(self, name: str, start: int, size: int) -> Iterator[bytes]:
        """Yield a part of a file. UnknownObject, CorruptObject."""
        fd = self._open(name)
        if fd is None:
            raise UnknownObject(f"{self.name} has no {name} any more")
        with self._errors(name), os.fdopen(fd, "rb", buffering=0):
            while size:
                data = os.pread(fd, min(size, CHUNK), start)
                if not data:
                    raise CorruptObject(f"{self.name}/{name} ends too early")
                start, size = start + len(data), size - len(data)
                yield data

    def put(self, name: str, data: bytes | BinaryIO) -> None:
        """Write a whole file. Its folders are made."""
        path = f"{self.path}/{name}"
        with self._errors(name):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with replacing(path, sweeping=False) as stream:  # a prune lists the folder anyway
                if isinstance(data, bytes):
                    stream.write(data)
                else:
                    data.seek(0)
                    shutil.copyfileobj(data, stream, CHUNK)
                    stream.flush()
                    os.fsync(stream.fileno())  # before a head says that it is there

    def refresh(self, names: Collection[str]) -> None:
        """Let the times at which files were written be now."""
        for name in names:
            self.touch(name)

    def sync(self) -> None:
        """Wait for the disk."""
        with self._errors():
            fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                kernel.syncfs(fd)
            finally:
                os.close(fd)

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def listing(self) -> Iterator[PlacedFile]:
        """Yield everything but folders, folder by folder; unfinished files, too. One that goes
        meanwhile is left out."""
        waiting = [""]
        while waiting:
            below = waiting.pop()
            with self._errors(below), contextlib.suppress(FileNotFoundError):
                for entry in sorted(os.scandir(f"{self.path}/{below}"), key=lambda one: one.name):
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(f"{below}{entry.name}/")
                        continue
                    with contextlib.suppress(FileNotFoundError):
                        seen = entry.stat(follow_symlinks=False)
                        regular = stat.S_ISREG(seen.st_mode)
                        yield PlacedFile(below + entry.name, seen.st_size, seen.st_mtime, regular)

    def remove(self, name: str) -> None:
        """Remove a file, and the folder that it was the last one in; it may be missing already."""
        path = f"{self.path}/{name}"
        with self._errors(name):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            with contextlib.suppress(OSError):  # others are in it
                if os.path.dirname(path) != self.path:
                    os.rmdir(os.path.dirname(path))

    def remove_unless_newer(self, file: PlacedFile) -> bool:
        """Remove a file that is still the one that was listed; returns whether it is absent now."""
        with self._errors(file.name):
            try:
                seen = os.lstat(f"{self.path}/{file.name}")
            except FileNotFoundError:
                return True
            if (seen.st_size, seen.st_mtime) != (file.size, file.written):
                return False
        self.remove(file.name)
        return True

    def remove_unfinished(self, file: PlacedFile) -> None:
        """Remove a file that is not finished, unless its writer has it; it may be missing."""
        with self._errors(file.name), contextlib.suppress(FileNotFoundError):
            if unfinished.remove_abandoned(f"{self.path}/{file.name}"):
                self.remove(file.name)

    def touch(self, name: str) -> None:
        """Note that a file was written now; it may be missing."""
        with self._errors(name), contextlib.suppress(FileNotFoundError, PermissionError):
            os.utime(f"{self.path}/{name}", follow_symlinks=False)

    def _open(self, name: str) -> int | None:
        with self._errors(name):
            try:
                return open_file(f"{self.path}/{name}")
            except FileNotFoundError:
                return None
            except NotADirectoryError:
                if os.path.isdir(self.path):
                    return None
                raise  # a file is no cache, and no push makes it one

    @contextlib.contextmanager
    def _errors(self, name: str = "") -> Iterator[None]:
        """Translate OSError, of the file ``name`` or of the folder itself."""
        try:
            yield
        except OSError as error:
            why = _NO_FOLDER if isinstance(error, _NOT_FOLDERS) else reason(error)
            if error.errno == errno.ELOOP:
                why = "there is a link in the place of a file"
            where = f" ({printable(name)})" if name else ""
            raise CacheUnusable(
                f"the cache {printable(self.name)} cannot be used: {why}{where}",
                hint=_HINTS.get(error.errno or 0),
            ) from error
