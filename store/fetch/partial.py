"""The bytes of one source that have come so far, and the finished file that they become.

The folder has, for a source of hash H: ``H.part``, locked (flock) by the downloading process; and
``H-<random>``, whole, checked and read-only, one for each caller, which removes it. One whose
caller was killed saves the next caller the download. The folder is its owner's alone: nobody else
can take a lock, or read half a file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator

from store.errors import StorageError, StoreFull
from store.system.beneath import FOLDER, open_file_beneath
from store.system.disk_reserve import DiskReserveCheck

_CHUNK = 1 << 18  # bytes hashed at a time
_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@contextlib.contextmanager
def disk_errors(folder: str) -> Iterator[None]:
    """Translate an OSError of the disk to StoreFull or StorageError, which end a fetch."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                f"a download cannot be kept in {folder}: {error.strerror or error}",
                hint="make the folder, and let its owner write to it",
            ) from error
        raise StoreFull(
            f"no space left for a download in {folder}",
            hint="`store gc` frees space; the part received so far is kept and not fetched again",
        ) from error


@contextlib.contextmanager
def private_folder(path: str) -> Iterator[int]:
    """Yield a descriptor of a folder that only its owner can enter, made or made so if need be.

    A link is not followed: it could lead to any folder. Raises StoreFull, StorageError.
    """
    with disk_errors(path):
        with contextlib.suppress(FileExistsError):
            os.makedirs(path, 0o700)
        folder = os.open(path, FOLDER)
    try:
        with disk_errors(path):
            status = os.fstat(folder)
            if status.st_mode & 0o077 and status.st_uid == os.geteuid():
                os.fchmod(folder, 0o700)
        yield folder
    finally:
        os.close(folder)


class PartialFile:
    """The bytes of one source that have come so far, held under a lock.

    ``folder`` is open, and ``shown`` its path. ``reserve`` bytes of the disk stay free. Methods
    raise StoreFull, StorageError, DiskReserve.
    """

    def __init__(self, folder: int, shown: str, sha256: str, reserve: int = 0) -> None:
        self.sha256 = sha256
        self._folder = folder
        self._shown = shown
        self._name = f"{sha256}.part"
        self._reserve = reserve
        self._fd = -1
        self.size = 0
        self._hash = hashlib.sha256()

    def __enter__(self) -> PartialFile:
        self._acquire()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # an empty file costs nothing, only looks odd
            if self.size == 0 and self._is_in_place(self._fd):
                os.unlink(self._name, dir_fd=self._folder)
        os.close(self._fd)  # this drops the lock

    def _acquire(self) -> None:
        """Wait for the lock, and take in the bytes there. The last holder may have moved the
        file."""
        with disk_errors(self._shown):
            while True:
                self._fd = self._open()
                fcntl.flock(self._fd, fcntl.LOCK_EX)
                if self._is_in_place(self._fd):
                    break
                os.close(self._fd)
            os.fchmod(self._fd, 0o600)
            self._hash, self.size = _hash_file(self._fd)
            self._room = DiskReserveCheck(self._fd, self._reserve)

    def _open(self) -> int:
        """Return the part's file. Whatever else stands in its place is moved out of the way."""
        for _ in range(8):
            try:
                fd = os.open(self._name, _FLAGS | os.O_CREAT, 0o600, dir_fd=self._folder)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE):
                    raise
                self._move_away(error)
                continue
            status = os.fstat(fd)
            # A file of several names may be another one's, which is not to be written to.
            if stat.S_ISREG(status.st_mode) and status.st_nlink <= 1:
                return fd
            is_there = self._is_in_place(fd)
            os.close(fd)
            if is_there:
                self._move_away(OSError(errno.EEXIST, "something else is in its place"))
        raise OSError(errno.EEXIST, "something else is put in a part's place each time")

    def _move_away(self, cause: OSError) -> None:
        try:
            self._rename(f"{self._name}-{secrets.token_hex(6)}")
        except FileNotFoundError:
            return  # by another fetch
        except OSError:
            raise cause from None

    def _rename(self, name: str, folder: int | None = None) -> None:
        target = self._folder if folder is None else folder
        os.rename(self._name, name, src_dir_fd=self._folder, dst_dir_fd=target)

    def _is_in_place(self, fd: int) -> bool:
        try:
            found = os.stat(self._name, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(os.fstat(fd), found)

    def is_right(self) -> bool:
        """Return whether the bytes so far are the source."""
        return self.hexdigest() == self.sha256

    def hexdigest(self) -> str:
        """Return the SHA-256 of the bytes so far."""
        return self._hash.hexdigest()

    def check_room(self, size: int) -> None:
        """Raise DiskReserve when ``size`` bytes more would leave less free than the reserve."""
        with disk_errors(self._shown):
            DiskReserveCheck(self._fd, self._reserve).take(size, lambda: "the download")

    def append(self, data: bytes) -> None:
        """Add ``data`` at the end."""
        with disk_errors(self._shown):
            self._room.take(len(data), lambda: "the download")
            view = memoryview(data)
            while view:
                written = os.pwrite(self._fd, view, self.size)
                self._hash.update(view[:written])
                self.size += written
                view = view[written:]

    def restart(self) -> None:
        """Forget the bytes so far."""
        with disk_errors(self._shown):
            os.ftruncate(self._fd, 0)
            self._hash, self.size = hashlib.sha256(), 0
            self._room = DiskReserveCheck(self._fd, self._reserve)

    def finish(self) -> str:
        """Turn the part into a finished file, and give its path."""
        with disk_errors(self._shown):
            name = self._fresh_name()
            os.fchmod(self._fd, 0o444)
            self._rename(name)
        return os.path.join(self._shown, name)

    def set_aside(self, folder: int, name: str, *, private: bool = False) -> str:
        """Move wrong bytes to the open ``folder``, and give their name there.

        The next part may be anyone's. With ``private`` only the owner may read the file, else
        everybody who may enter the folder.
        """
        # Named by its own hash: the same wrong file, met again, takes no more room.
        kept = f"{self.hexdigest()}-{_plain(name)}"
        with disk_errors(self._shown):
            with contextlib.suppress(FileNotFoundError):
                there = os.stat(kept, dir_fd=folder, follow_symlinks=False)
                private = private or not there.st_mode & stat.S_IROTH
            os.fchmod(self._fd, 0o600 if private else 0o644)
            self._rename(kept, folder)
        os.close(self._fd)
        self._acquire()
        return kept

    def adopt_finished(self) -> str | None:
        """Return a finished file under a name of our own, if another caller left or is using
        one."""
        with disk_errors(self._shown):
            return self._adopt()

    def _adopt(self) -> str | None:
        for entry in sorted(os.listdir(self._folder)):
            if not entry.startswith(f"{self.sha256}-"):
                continue
            name = self._fresh_name()
            try:
                os.link(
                    entry,
                    name,
                    src_dir_fd=self._folder,
                    dst_dir_fd=self._folder,
                    follow_symlinks=False,
                )
            except OSError:
                continue  # its caller was quicker and removed it, or it is no file
            if self._has_hash(name):
                # Safe: we hold its lock, and it is not wanted any more.
                os.unlink(self._name, dir_fd=self._folder)
                return os.path.join(self._shown, name)
            # A power cut can leave a finished file that is not whole on the disk.
            os.unlink(name, dir_fd=self._folder)
            os.unlink(entry, dir_fd=self._folder)
        return None

    def _has_hash(self, name: str) -> bool:
        """Return whether an entry is a file of the right hash, which nothing here may wait for."""
        try:
            fd = open_file_beneath(self._folder, name)
        except OSError:
            return False
        try:
            return _hash_file(fd)[0].hexdigest() == self.sha256
        finally:
            os.close(fd)

    def _fresh_name(self) -> str:
        return f"{self.sha256}-{secrets.token_hex(6)}"


def _plain(name: str) -> str:
    """Return ``name`` as part of a file name."""
    return re.sub(r"[^A-Za-z0-9+._-]", "_", name)[:100]


def _hash_file(fd: int) -> tuple[hashlib._Hash, int]:
    digest, size = hashlib.sha256(), 0
    while data := os.pread(fd, _CHUNK, size):
        digest.update(data)
        size += len(data)
    return digest, size
