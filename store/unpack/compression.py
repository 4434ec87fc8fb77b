"""Reading compressed bytes forward, in bounded memory, up to a limit."""

from __future__ import annotations

import bz2
import errno
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from store.display import printable
from store.job_errors import BadArchive

_ZLIBS_WORDS = re.compile(r"^Error -?[0-9]+ while [a-z]+ data: ")
CHUNK = 1 << 18  # bytes of compressed input, and at most four times that of output, at a time
LZMA_MEMORY = 256 << 20  # bytes; `xz -9` needs 65 MiB
_FIRST = 1 << 12  # bytes of input for a fresh decompressor: the rest is copied

MAGIC_LENGTH = 6
_ZSTD = b"\x28\xb5\x2f\xfd"


class Meter:
    """Counts what an unpacking has come to, and stops it at the limits."""

    def __init__(self, bytes_limit: int, entries_limit: int) -> None:
        self._bytes_limit = bytes_limit
        self._entries_limit = entries_limit
        self._read = self._written = self._entries = self._folders = 0

    def count_read(self, size: int) -> None:
        """Count ``size`` more bytes out of a decompressor."""
        self._read += size
        self._check_bytes(self._read)

    def count_written(self, size: int) -> None:
        """Count ``size`` more bytes that are about to be written."""
        self._written += size
        self._check_bytes(self._written)

    def count_entry(self) -> None:
        """Count one more member."""
        self._entries += 1
        if self._entries > self._entries_limit:
            raise BadArchive(f"holds more than {self._entries_limit} entries")

    def count_folder(self) -> None:
        """Count one more folder, of a member or above one."""
        self._folders += 1
        if self._folders > self._entries_limit:
            raise BadArchive(f"holds more than {self._entries_limit} folders")

    def _check_bytes(self, count: int) -> None:
        if count > self._bytes_limit:
            raise BadArchive(f"unpacks to more than {self._bytes_limit} bytes")


class Stream:
    """A file object over chunks of bytes that can only go forward."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._buffer = b""
        self._start = 0  # of the unread bytes in the buffer
        self._position = 0

    def _fill(self) -> bool:
        """Put the next chunk in the empty buffer; False at the end."""
        self._buffer, self._start = b"", 0
        for chunk in self._chunks:
            if chunk:
                self._buffer = chunk
                return True
        return False

    def peek(self, size: int) -> bytes:
        """Return the next ``size`` bytes (fewer at the end), left unread."""
        while len(self._buffer) - self._start < size:
            rest = self._buffer[self._start :]
            more = self._fill()
            self._buffer = rest + self._buffer
            if not more:
                break
        return self._buffer[self._start : self._start + size]

    def some(self, limit: int) -> bytes:
        """Return the bytes at hand, at least one byte and at most ``limit``; none at the end."""
        if self._start == len(self._buffer) and not self._fill():
            return b""
        data = self._buffer[self._start : self._start + limit]
        self._start += len(data)
        self._position += len(data)
        return data

    def give_back(self, size: int) -> None:
        """Leave the last ``size`` bytes unread that :meth:`some` gave last."""
        self._start -= size
        self._position -= size

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes; fewer only at the end."""
        data = self.some(size)
        if len(data) == size or not data:
            return data
        pieces, missing = [data], size - len(data)
        while missing and (piece := self.some(missing)):
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def skip(self, size: int) -> None:
        """Pass over ``size`` bytes, or to the end."""
        while size > 0:
            if self._start == len(self._buffer) and not self._fill():
                return
            passed = min(size, len(self._buffer) - self._start)
            self._start += passed
            self._position += passed
            size -= passed

    def drain(self) -> None:
        """Read to the end, so that the last checksum is checked too."""
        while self._fill():
            pass

    def tell(self) -> int:
        """Return how many bytes have been read."""
        return self._position

    def seek(self, position: int) -> int:
        """Pass over bytes up to ``position``, which does not lie behind."""
        if position < self._position:
            raise BadArchive(f"byte {position} is named after byte {self._position} was read")
        self.skip(position - self._position)
        return self._position


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    @property
    def needs_input(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """zlib's decompressor with the interface of the others."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


class _Deflate(_Gzip):
    """Without the header that gzip has, as in zip."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=-15)


def _xz() -> _Decompressor:
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=LZMA_MEMORY)


_FORMATS: dict[bytes, tuple[str, Callable[[], _Decompressor]]] = {
    b"\x1f\x8b": ("gzip", _Gzip),
    b"BZh": ("bzip2", bz2.BZ2Decompressor),
    b"\xfd7zXZ\0": ("xz", _xz),
}


_ZIP_METHODS: dict[int, tuple[str, Callable[[], _Decompressor]]] = {
    8: ("deflate", _Deflate),
    12: ("bzip2", bz2.BZ2Decompressor),
}


def decompressed(source: Stream, meter: Meter) -> Stream | None:
    """Return ``source`` without its compression; None when it has none. Raises BadArchive."""
    start = source.peek(MAGIC_LENGTH)
    if start.startswith(_ZSTD):
        raise BadArchive("is compressed with zstd, which is not supported")
    for magic, (name, make) in _FORMATS.items():
        if start.startswith(magic):
            return Stream(_checked(name, _decompress(source, make), meter))
    return None


def inflated(source: Stream, method: int, meter: Meter) -> Iterator[bytes] | None:
    """Return the bytes of a zip's file that is compressed by ``method`` (APPNOTE 4.4.5); None for a
    method that is not known. Bytes after the compressed ones are not read."""
    if method not in _ZIP_METHODS:
        return None
    name, make = _ZIP_METHODS[method]
    return _checked(name, _decompress_one(source, make()), meter)


def _checked(name: str, chunks: Iterator[bytes], meter: Meter) -> Iterator[bytes]:
    try:
        for chunk in chunks:
            meter.count_read(len(chunk))
            yield chunk
    except MemoryError as error:
        raise BadArchive(f"its {name} compression wants too much memory") from error
    except (zlib.error, lzma.LZMAError, OSError, ValueError) as error:
        raise BadArchive(f"its {name} compression is damaged: {words(error)}") from error
    except EOFError as error:
        raise BadArchive(f"its {name} compression ends too early") from error


def words(error: Exception) -> str:
    """Return the fault of an archive's bytes. An error of the disk that has them is none of theirs,
    and raised again."""
    if isinstance(error, OSError) and error.errno == errno.EIO:
        raise error
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return printable(_ZLIBS_WORDS.sub("", text)) or type(error).__name__


def _decompress(source: Stream, make: Callable[[], _Decompressor]) -> Iterator[bytes]:
    """Read one compressed stream after the other, with zero bytes allowed after each."""
    while source.peek(1):
        yield from _decompress_one(source, make())
        while source.peek(1) == b"\0":
            zeros = source.some(_FIRST)
            source.give_back(len(zeros.lstrip(b"\0")))


def _decompress_one(source: Stream, decompressor: _Decompressor) -> Iterator[bytes]:
    size = _FIRST
    while not decompressor.eof:
        data = b""
        if decompressor.needs_input:
            data = source.some(size)
            size = min(2 * size, CHUNK)
            if not data:
                raise EOFError
        yield decompressor.decompress(data, 4 * CHUNK)
    source.give_back(len(decompressor.unused_data))


def file_chunks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield the chunks of a file, to its end."""
    while data := read(CHUNK):
        yield data


def exactly(source: Stream, size: int) -> Iterator[bytes]:
    """Yield the next ``size`` bytes in chunks. Raises BadArchive when there are fewer."""
    left = size
    while left:
        data = source.some(min(left, 4 * CHUNK))
        if not data:
            raise BadArchive(f"ends {left} bytes too early")
        left -= len(data)
        yield data
