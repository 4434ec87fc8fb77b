"""Reading compressed bytes forward, in bounded memory, up to a limit."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from store.errors import BadArchive

CHUNK = 1 << 18  # bytes of compressed input, and at most four times that of output, at a time
LZMA_MEMORY = 1 << 30  # bytes; `xz -9` needs 65 MiB

MAGIC_LENGTH = 6
_ZSTD = b"\x28\xb5\x2f\xfd"


class Meter:
    """Counts what an unpacking has come to, and stops it at the limits."""

    def __init__(self, bytes_limit: int, entries_limit: int) -> None:
        self._bytes_limit = bytes_limit
        self._entries_limit = entries_limit
        self._read = self._written = self._entries = 0

    def count_read(self, size: int) -> None:
        """``size`` more bytes have come out of a decompressor."""
        self._read += size
        self._check_bytes(self._read)

    def count_written(self, size: int) -> None:
        """``size`` more bytes are about to be written."""
        self._written += size
        self._check_bytes(self._written)

    def count_entry(self) -> None:
        """One more member."""
        self._entries += 1
        if self._entries > self._entries_limit:
            raise BadArchive(f"holds more than {self._entries_limit} entries")

    def _check_bytes(self, count: int) -> None:
        if count > self._bytes_limit:
            raise BadArchive(f"unpacks to more than {self._bytes_limit} bytes")


class Stream:
    """A file object over chunks of bytes that can only go forward."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._buffer = b""
        self._start = 0  # of what is unread in the buffer
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
        """The next ``size`` bytes (fewer at the end), left unread."""
        while len(self._buffer) - self._start < size:
            rest = self._buffer[self._start :]
            more = self._fill()
            self._buffer = rest + self._buffer
            if not more:
                break
        return self._buffer[self._start : self._start + size]

    def some(self, limit: int) -> bytes:
        """What is at hand, at least one byte and at most ``limit``; none at the end."""
        if self._start == len(self._buffer) and not self._fill():
            return b""
        data = self._buffer[self._start : self._start + limit]
        self._start += len(data)
        self._position += len(data)
        return data

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer only at the end."""
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
        """How many bytes have been read."""
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


def _xz() -> _Decompressor:
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=LZMA_MEMORY)


_FORMATS: dict[bytes, tuple[str, Callable[[], _Decompressor]]] = {
    b"\x1f\x8b": ("gzip", _Gzip),
    b"BZh": ("bzip2", bz2.BZ2Decompressor),
    b"\xfd7zXZ\0": ("xz", _xz),
}


def decompressed(source: Stream, meter: Meter) -> Stream | None:
    """``source`` without its compression; None when it has none. Raises BadArchive."""
    start = source.peek(MAGIC_LENGTH)
    if start.startswith(_ZSTD):
        raise BadArchive("is compressed with zstd, which is not supported")
    for magic, (name, make) in _FORMATS.items():
        if start.startswith(magic):
            return Stream(_checked(name, _decompress(source, make), meter))
    return None


def _checked(name: str, chunks: Iterator[bytes], meter: Meter) -> Iterator[bytes]:
    try:
        for chunk in chunks:
            meter.count_read(len(chunk))
            yield chunk
    except (zlib.error, lzma.LZMAError, OSError, ValueError) as error:
        raise BadArchive(f"its {name} compression is damaged: {error}") from error
    except EOFError as error:
        raise BadArchive(f"its {name} compression ends too early") from error


def _decompress(source: Stream, make: Callable[[], _Decompressor]) -> Iterator[bytes]:
    """One compressed stream after the other, with zero bytes allowed after each."""
    data = source.some(CHUNK)
    while data:
        decompressor = make()
        while not decompressor.eof:
            if decompressor.needs_input and not data:
                data = source.some(CHUNK)
                if not data:
                    raise EOFError
            yield decompressor.decompress(data, 4 * CHUNK)
            data = b""
        data = decompressor.unused_data.lstrip(b"\0")
        while not data and (more := source.some(CHUNK)):
            data = more.lstrip(b"\0")


def file_chunks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """The chunks of a file, to its end."""
    while data := read(CHUNK):
        yield data


def exactly(source: Stream, size: int) -> Iterator[bytes]:
    """The next ``size`` bytes in chunks. Raises BadArchive when there are fewer."""
    left = size
    while left:
        data = source.some(min(left, 4 * CHUNK))
        if not data:
            raise BadArchive(f"ends {left} bytes too early")
        left -= len(data)
        yield data
