"""Writing an image from its beginning to its end, and bytes of files into it."""

from __future__ import annotations

import os
from typing import Final

from store.display import printable
from store.errors import CorruptObject
from store.images.image_tree import ImageFile
from store.system.durable import open_file
from store.system.file_copy import copy_bytes, write_at

SMALL: Final = 256 << 10
"""Bytes of a file up to which it is read and written along with others; larger ones are copied by
the kernel."""

_GATHERED: Final = 1 << 20


class ImageOutput:
    """The open file ``out``, written in order from ``at`` on; small pieces are gathered."""

    def __init__(self, out: int, at: int = 0) -> None:
        self._out = out
        self._flushed = at
        self._waiting = bytearray()

    @property
    def at(self) -> int:
        """The position of the next byte."""
        return self._flushed + len(self._waiting)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write bytes."""
        self._waiting += data
        if len(self._waiting) >= _GATHERED:
            self.flush()

    def pad(self, at: int) -> None:
        """Write zeros up to a position."""
        self.write(bytes(at - self.at))

    def flush(self) -> None:
        """Write all that waits."""
        write_at(self._out, self._waiting, self._flushed)
        self._flushed += len(self._waiting)
        self._waiting.clear()

    def put(self, file: ImageFile, count: int) -> bytes:
        """Write the first ``count`` bytes of a file; returns the others, which are few.

        CorruptObject if it has another size.
        """
        if isinstance(file.source, bytes) or file.size <= SMALL:
            data = read_source(file)
            self.write(memoryview(data)[:count])
            return data[count:]
        fd = open_file(file.source)
        try:
            self.flush()
            if os.fstat(fd).st_size != file.size:
                raise _resized(file)
            if copy_bytes(fd, self._out, count, at=self._flushed) < count:
                raise _resized(file)
            self._flushed += count
            return os.pread(fd, file.size - count, count)
        finally:
            os.close(fd)

    def end(self) -> None:
        """Write all that waits; the file ends here, if it was shorter."""
        self.flush()
        if os.fstat(self._out).st_size < self._flushed:
            os.ftruncate(self._out, self._flushed)


def read_source(file: ImageFile) -> bytes:
    """Return all bytes of a small file. CorruptObject if it has another size."""
    if isinstance(file.source, bytes):
        return file.source
    fd = open_file(file.source)
    try:
        data = os.read(fd, file.size + 1)
        while len(data) < file.size and (more := os.read(fd, file.size - len(data))):
            data += more
    finally:
        os.close(fd)
    if len(data) != file.size:
        raise _resized(file)
    return data


def _resized(file: ImageFile) -> CorruptObject:
    """Return the error of a file that is not as its manifest has it."""
    assert isinstance(file.source, str)
    return CorruptObject(
        f"{printable(file.source)} does not have the {file.size} bytes that it was taken in with",
        hint="`store verify` finds damage, and repairs it",
    )
