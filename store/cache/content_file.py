"""A file that is written as its bytes arrive, and stays only if they are the right ones."""

from __future__ import annotations

import contextlib
import os
from typing import Final

from store import digest
from store.errors import CorruptObject
from store.objects.content import CHUNK, HOLE, ZEROS
from store.objects.sharing import TIMES, mode_of

Bytes = bytes | memoryview

_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class ContentFile:
    """A new file at ``path`` below an open folder, which is to have ``size`` bytes with the digest
    ``content``. It has its final mode from the start, and its final time at the end alone: so
    one that a kill left can be seen to be no whole one.

    This process has a umask that takes no permission from a stored file. OSError.
    """

    def __init__(
        self, folder: int, path: bytes, content: bytes, size: int, *, executable: bool
    ) -> None:
        self._folder = folder
        self._path = path
        self._content = content
        self._size = size
        self._written = 0
        self._sparse = size > CHUNK
        self._hasher = digest.file_hasher() if self._sparse else None
        self._whole: Bytes | None = None
        self._fd = os.open(path, _NEW, mode_of(executable), dir_fd=folder)

    @property
    def written(self) -> int:
        """Bytes that have come."""
        return self._written

    @property
    def complete(self) -> bool:
        """True if all bytes have come, right or not."""
        return self._written == self._size

    def write(self, data: Bytes) -> None:
        """Append bytes. CorruptObject when they are too many."""
        if len(data) > self._size - self._written:
            raise CorruptObject(f"more than the {self._size} bytes of a file came")
        if self._hasher is None and len(data) == self._size:
            self._whole = data
        else:
            self._hasher = self._hasher or digest.file_hasher()
            self._hasher.update(data)
        if self._sparse:
            _write_or_skip(self._fd, data)
        else:
            _write_all(self._fd, data)
        self._written += len(data)

    def finish(self) -> None:
        """Make the file final; CorruptObject, and it is none, when it has other bytes."""
        if self._hasher is not None:
            found = self._hasher.digest()
        else:
            found = digest.file_digest(b"" if self._whole is None else self._whole)
        if not self.complete or found != self._content:
            self.discard()
            raise CorruptObject("a file has other bytes than its digest says")
        if self._sparse:
            os.ftruncate(self._fd, self._size)
        os.utime(self._fd, ns=TIMES)
        os.close(self._fd)

    def discard(self) -> None:
        """Remove the file."""
        os.close(self._fd)
        with contextlib.suppress(OSError):  # its folder goes with all that is in it
            os.unlink(self._path, dir_fd=self._folder)


def _write_all(fd: int, data: Bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _write_or_skip(fd: int, data: Bytes) -> None:
    """Append bytes, but for blocks of zeros, which become holes."""
    view = memoryview(data)
    begun = 0
    for at in range(0, len(view), HOLE):
        block = view[at : at + HOLE]
        # The first and the last byte tell of nearly all blocks that they are not zeros.
        if block[0] == block[-1] == 0 and bytes(block) == ZEROS[: len(block)]:
            _write_all(fd, view[begun:at])
            os.lseek(fd, len(block), os.SEEK_CUR)
            begun = at + len(block)
    _write_all(fd, view[begun:])
