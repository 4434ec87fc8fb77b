"""The bytes of one source that have come so far, and the finished file that they become.

In a folder stand, for a source of hash H: ``H.part``, locked (flock) by whoever downloads; and
``H-<random>``, whole, checked and read-only, one for each caller, who removes it. One whose caller
was killed saves the next caller the download.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import stat

_CHUNK = 1 << 18  # bytes hashed at a time


class Part:
    """The bytes of one source that have come so far, held under a lock."""

    def __init__(self, folder: str, sha256: str) -> None:
        self.sha256 = sha256
        self._folder = folder
        self._path = os.path.join(folder, f"{sha256}.part")
        self._fd = -1
        self.size = 0
        self._hash = hashlib.sha256()

    def __enter__(self) -> Part:
        self._acquire()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)  # this drops the lock

    def _acquire(self) -> None:
        """Wait for the lock, and take in what is there. Whoever held it may have moved the file."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        while True:
            self._fd = os.open(self._path, flags, 0o644)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            if _is_same_file(self._fd, self._path):
                break
            os.close(self._fd)
        self._hash, self.size = _hash_file(self._fd)

    def is_right(self) -> bool:
        """Whether the bytes so far are the source."""
        return self.hexdigest() == self.sha256

    def hexdigest(self) -> str:
        """The SHA-256 of the bytes so far."""
        return self._hash.hexdigest()

    def append(self, data: bytes) -> None:
        """Add ``data`` at the end."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._fd, view, self.size)
            self._hash.update(view[:written])
            self.size += written
            view = view[written:]

    def restart(self) -> None:
        """Forget the bytes so far."""
        os.ftruncate(self._fd, 0)
        self._hash, self.size = hashlib.sha256(), 0

    def finish(self) -> str:
        """Turn the part into a finished file, and give its path."""
        path = self._fresh_path()
        os.fchmod(self._fd, 0o444)
        os.rename(self._path, path)
        return path

    def set_aside(self, folder: str, name: str) -> str:
        """Move wrong bytes to ``folder``, and give their path. The next part may be anyone's."""
        # Named by its own hash: the same wrong file, met again, takes no more room.
        kept = os.path.join(folder, f"{self.hexdigest()}-{_plain(name)}")
        os.rename(self._path, kept)
        os.close(self._fd)
        self._acquire()
        return kept

    def adopt_finished(self) -> str | None:
        """A finished file under a name of our own, if another caller left or is using one."""
        for entry in sorted(os.listdir(self._folder)):
            if not entry.startswith(f"{self.sha256}-"):
                continue
            path = self._fresh_path()
            try:
                os.link(os.path.join(self._folder, entry), path, follow_symlinks=False)
            except OSError:
                continue  # its caller was quicker and removed it
            if _has_hash(path, self.sha256):
                os.unlink(self._path)  # safe: we hold its lock, and it is not wanted any more
                return path
            # A power cut can leave a finished file that is not whole on the disk.
            os.unlink(path)
            os.unlink(os.path.join(self._folder, entry))
        return None

    def _fresh_path(self) -> str:
        return os.path.join(self._folder, f"{self.sha256}-{secrets.token_hex(6)}")


def _plain(name: str) -> str:
    """``name`` as part of a file name."""
    return re.sub(r"[^A-Za-z0-9+._-]", "_", name)[:100]


def _is_same_file(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _hash_file(fd: int) -> tuple[hashlib._Hash, int]:
    digest, size = hashlib.sha256(), 0
    while data := os.pread(fd, _CHUNK, size):
        digest.update(data)
        size += len(data)
    return digest, size


def _has_hash(path: str, sha256: str) -> bool:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        is_file = stat.S_ISREG(os.fstat(fd).st_mode)
        return is_file and _hash_file(fd)[0].hexdigest() == sha256
    finally:
        os.close(fd)
