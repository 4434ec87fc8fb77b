"""A folder as the place of a cache."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping
from typing import BinaryIO, Final, NamedTuple

from store.cache.misplaced import FileAt, folder_of, obstacle
from store.display import printable, reason
from store.errors import CorruptObject, UnknownObject
from store.job_errors import CacheUnusable
from store.system import kernel, unfinished
from store.system.beneath import open_file_beneath
from store.system.longpath import open_at
from store.system.whole_file import replacing

CHUNK = 1 << 20
"""Bytes that are read at a time."""

_NOT_FOLDERS: Final = (FileExistsError, NotADirectoryError)
_NO_FOLDER: Final = "there is a file in the place of a folder"

_REMOVE: Final = "remove it, and push again"
_FULL: Final = "free some space there; the next push goes on from here"
_OF_KIND: Final = (
    *(errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EINVAL, errno.ENXIO),
)
"""The numbers of errors because of something else in the place of a file or folder."""

_HINTS: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR), "name another folder, or remove the file"),
    errno.EROFS: "this disk is mounted for reading alone: name another folder",
    errno.EACCES: "run this as a user who may read it, and for a push or a prune, write to it",
}
"""The hint, by the number of the error."""


class PlacedFile(NamedTuple):
    """A file of a folder, or something else: its name, its bytes, when it was written, in Unix
    seconds, and its kind as in stat(2)."""

    name: str
    size: int
    written: float
    kind: int = stat.S_IFREG

    @property
    def regular(self) -> bool:
        """False for a folder, a link, a fifo or the like."""
        return self.kind == stat.S_IFREG

    @property
    def is_folder(self) -> bool:
        """True for a folder."""
        return self.kind == stat.S_IFDIR


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
            if found := self.obstacle(name):
                raise CorruptObject(f"{self.name}/{name} is damaged: there is {found}")
            raise UnknownObject(f"{self.name} has no {name} any more")
        with self._errors(name), os.fdopen(fd, "rb", buffering=0):
            while size:
                data = os.pread(fd, min(size, CHUNK), start)
                if not data:
                    raise CorruptObject(f"{self.name}/{name} ends too early")
                start, size = start + len(data), size - len(data)
                yield data

    def put(self, name: str, data: bytes | BinaryIO) -> None:
        """Write a whole file. Its folders are made. No link is followed: one in the place of the
        file is replaced, and one in the place of a folder is an error."""
        with (
            self._errors(name),
            folder_of(self.path, name, make=True) as at,
            replacing(at.path, sweeping=False) as stream,  # a prune lists the folder anyway
        ):
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
        """Yield everything, folder by folder; folders and unfinished files, too. One that goes
        meanwhile is left out."""
        waiting = [""]
        while waiting:
            below = waiting.pop()
            with self._errors(below), contextlib.suppress(FileNotFoundError):
                for entry in sorted(os.scandir(f"{self.path}/{below}"), key=lambda one: one.name):
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(f"{below}{entry.name}/")
                    with contextlib.suppress(FileNotFoundError):
                        seen = entry.stat(follow_symlinks=False)
                        kind = stat.S_IFMT(seen.st_mode)
                        yield PlacedFile(below + entry.name, seen.st_size, seen.st_mtime, kind)

    def remove(self, name: str) -> None:
        """Remove a file, and the folder that it was the last one in; it may be missing already."""
        with self._errors(name), contextlib.suppress(FileNotFoundError), self._at(name) as at:
            os.unlink(at.last, dir_fd=at.folder)
        above = name.rpartition("/")[0]
        if above:
            with contextlib.suppress(OSError), self._at(above) as at:  # others are in it
                os.rmdir(at.last, dir_fd=at.folder)

    def remove_unless_newer(self, file: PlacedFile) -> bool:
        """Remove a file that is still the one that was listed; returns whether it is absent now."""
        with self._errors(file.name):
            try:
                with self._at(file.name) as at:
                    seen = os.lstat(at.last, dir_fd=at.folder)
            except FileNotFoundError:
                return True
            if (seen.st_size, seen.st_mtime) != (file.size, file.written):
                return False
        self.remove(file.name)
        return True

    def remove_unfinished(self, file: PlacedFile) -> None:
        """Remove a file that is not finished, unless its writer has it; it may be missing."""
        with self._errors(file.name), contextlib.suppress(FileNotFoundError):
            with self._at(file.name) as at:
                done = unfinished.remove_abandoned(at.path)
            if done:
                self.remove(file.name)

    def touch(self, name: str) -> None:
        """Note that a file was written now; it may be missing."""
        passed = contextlib.suppress(FileNotFoundError, PermissionError)
        with self._errors(name), passed, self._at(name) as at:
            os.utime(at.last, dir_fd=at.folder, follow_symlinks=False)

    def obstacle(self, name: str) -> str:
        """Return the words for something else in a file's place; empty where there is none."""
        try:
            top = self._top()
        except OSError:
            return ""
        try:
            return obstacle(top, name)
        finally:
            os.close(top)

    def _at(self, name: str) -> contextlib.AbstractContextManager[FileAt]:
        return folder_of(self.path, name)

    def _top(self) -> int:
        return open_at(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def _open(self, name: str) -> int | None:
        """Open a file; None where there is none, or something else."""
        with self._errors(name):
            try:
                top = self._top()
            except FileNotFoundError:
                return None
            try:
                return open_file_beneath(top, name)
            except FileNotFoundError:
                return None
            except OSError:
                if not obstacle(top, name):
                    raise
                return None
            finally:
                os.close(top)

    @contextlib.contextmanager
    def _errors(self, name: str = "") -> Iterator[None]:
        """Translate OSError, of the file ``name`` or of the folder itself."""
        try:
            yield
        except OSError as error:
            why = _NO_FOLDER if isinstance(error, _NOT_FOLDERS) else reason(error)
            hint = _HINTS.get(error.errno or 0)
            if isinstance(error, _NOT_FOLDERS) and not os.path.isdir(self.path):
                name = ""  # it is the cache itself that is none
                if os.path.islink(self.path):
                    why, hint = "its link leads to no folder", "make one there, or name another"
            if name and error.errno in _OF_KIND and (found := self.obstacle(name)):
                why, hint = f"there is {found}", _REMOVE
            where = f" ({printable(name)})" if name else ""
            raise CacheUnusable(
                f"the cache {printable(self.name)} cannot be used: {why}{where}", hint=hint
            ) from error
