"""Reading a tar archive forward: POSIX's ustar and pax, and GNU's long names and sparse files.

The formats are those of POSIX's pax(1) and of the handbook of GNU tar; ``tarfile`` of Python is the
model for how they are mixed. Archives are hostile: each header is bounded, and extended headers may
not follow each other for ever. Of a pax header only the records that count are kept. Every field is
read in time linear in its bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from store.job_errors import BadArchive
from store.unpack.compression import CHUNK, Stream, exactly

BLOCK: Final = 512

HEADER_LIMIT: Final = 1 << 20
"""Bytes of an extended header, which is read into memory whole."""

CHAIN_LIMIT: Final = 16
"""Extended headers that one member may have; writers use up to three."""

EXTENTS_LIMIT: Final = 1 << 17
"""Pieces of data that a sparse file may have."""

NUMBER_LIMIT: Final = 1 << 62
"""No size or offset is as large."""

_LONG_NAME, _LONG_LINK = b"L", b"K"
_PAX, _PAX_GLOBAL, _PAX_SOLARIS = b"x", b"g", b"X"
_EXTENSIONS = (_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL, _PAX_SOLARIS)
_SPARSE = b"S"
_GNU_TYPES = (_LONG_NAME, _LONG_LINK, _SPARSE)
_FILES = (b"0", b"\0", b"7", _SPARSE)
_WITHOUT_DATA = (b"1", b"2", b"3", b"4", b"5", b"6")
_KEPT = ("path", "linkpath", "size")
_SPARSE_PREFIX = "GNU.sparse."

Extents = tuple[tuple[int, int], ...]
"""Offset and size of each piece of a sparse file that is data."""


@dataclass(frozen=True)
class Header:
    """A member's header. ``size`` are the bytes that follow it, ``type`` is tar's letter.

    A sparse file has ``extents``, and comes to ``length`` bytes.
    """

    name: str
    type: bytes
    mode: int = 0
    size: int = 0
    link: str = ""
    extents: Extents | None = None
    length: int = 0

    @property
    def is_file(self) -> bool:
        """True if it is a regular file."""
        return self.type in _FILES

    @property
    def data(self) -> int:
        """Bytes in the archive after the header, without padding."""
        return 0 if self.type in _WITHOUT_DATA else self.size


@dataclass
class _Extended:
    """The facts that extended headers give of the next member."""

    names: dict[bytes, str] = field(default_factory=dict)
    pax: dict[str, str] = field(default_factory=dict)
    pieces: list[tuple[str, str]] = field(default_factory=list)


class TarReader:
    """Gives the headers of a tar archive; the bytes behind one are taken with :meth:`chunks`."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._next = 0
        self._global: dict[str, str] = {}
        self.has_end = False
        """True if the mark of the end was read."""

    def headers(self) -> Iterator[Header]:
        """Yield each member's header. Raises BadArchive."""
        first = True
        while (block := self._block()) is not None:
            first = False
            yield self._member(block)
        if first and not self.has_end:
            raise self._damage("nothing")

    def chunks(self, header: Header) -> Iterator[bytes]:
        """Return the bytes of the file whose header was given last, holes filled."""
        if header.extents is None:
            return exactly(self._stream, header.data)
        return self._filled(header)

    def _filled(self, header: Header) -> Iterator[bytes]:
        at = 0
        for offset, size in (*(header.extents or ()), (header.length, 0)):
            yield from _zeros(offset - at)
            yield from exactly(self._stream, size)
            at = offset + size

    def _block(self) -> bytes | None:
        """Return the next header, whatever is before it passed over; None at the end."""
        self._stream.seek(self._next)
        block = self._stream.read(BLOCK)
        self._next += len(block)
        if block and not block.strip(b"\0"):
            self.has_end = True
        if not block or self.has_end:
            return None
        if len(block) < BLOCK:
            raise BadArchive(f"is damaged, or not an archive: {self._at('a header is cut short')}")
        return block

    def _member(self, block: bytes) -> Header:
        extended = _Extended()
        for _ in range(CHAIN_LIMIT + 1):
            header = self._plain(block)
            if header.type not in _EXTENSIONS:
                return self._extended(self._sparse_gnu(header, block), extended)
            self._extend(header, extended)
            following = self._block()
            if following is None:
                raise self._damage("an extended header that nothing follows")
            block = following
        raise self._damage(f"more than {CHAIN_LIMIT} extended headers in a row")

    def _damage(self, what: str) -> BadArchive:
        return BadArchive(f"is damaged, or not an archive: {self._at(what)}")

    def _at(self, what: str) -> str:
        return f"{what} at byte {self._stream.tell()} of the tar data"

    def _number(self, data: bytes) -> int:
        number = parse_number(data)
        if number is None:
            raise self._damage("a damaged header (a number)")
        return number

    def _plain(self, block: bytes) -> Header:
        self._check_sum(block)
        kind = block[156:157]
        name = _text(block[:100])
        if kind == b"\0" and name.endswith("/"):
            kind = b"5"
        prefix = _text(block[345:500])
        if prefix and kind not in _GNU_TYPES:
            name = f"{prefix}/{name}"
        size = self._number(block[124:136])
        return Header(name, kind, self._number(block[100:108]), size, _text(block[157:257]))

    def _check_sum(self, block: bytes) -> None:
        told = parse_number(block[148:156])
        others = block[:148] + block[156:]
        total = 256 + sum(others)
        # Some old writers took bytes for signed ones.
        if told not in (total, total - 256 * sum(byte > 127 for byte in others)):
            raise self._damage("a damaged header (bad checksum)")

    # -- extended headers --

    def _extend(self, header: Header, extended: _Extended) -> None:
        if header.size > HEADER_LIMIT:
            raise self._damage(f"an extended header of {header.size} bytes")
        data = self._stream.read(header.size)
        if len(data) < header.size:
            raise self._damage("an extended header is cut short")
        self._next += -(-header.size // BLOCK) * BLOCK
        if header.type in (_LONG_NAME, _LONG_LINK):
            # As in tarfile, the first of several counts.
            extended.names.setdefault(header.type, _text(data))
            return
        records = self._records(data)
        if header.type == _PAX_GLOBAL:
            self._global |= dict(records)
            return
        sparse = [item for item in records if item[0].startswith(_SPARSE_PREFIX)]
        extended.pieces = extended.pieces or sparse
        named = {"path": _LONG_NAME, "linkpath": _LONG_LINK}
        for key, value in dict(records).items():
            if key in named:
                extended.names.setdefault(named[key], value)
            else:
                extended.pax.setdefault(key, value)

    def _records(self, data: bytes) -> list[tuple[str, str]]:
        """Return the records of a pax header that count, in order."""
        found, at = [], 0
        while at < len(data) and data[at]:
            space = data.find(b" ", at, at + 20)
            length = parse_decimal(data[at:space]) if space > at else None
            if not length or at + length > len(data) or length <= space + 1 - at:
                raise self._damage("a damaged pax header")
            key, equals, value = data[space + 1 : at + length - 1].partition(b"=")
            if not equals or data[at + length - 1] != 10:
                raise self._damage("a damaged pax header")
            name = key.decode("utf-8", "surrogateescape")
            if name in _KEPT or name.startswith(_SPARSE_PREFIX):
                found.append((name, value.decode("utf-8", "surrogateescape")))
            at += length
        return found

    def _extended(self, header: Header, extended: _Extended) -> Header:
        """Return the header as the extended ones before it, and the global ones, want it."""
        pax = self._global | extended.pax
        size = header.size
        if "size" in pax:
            size = self._decimal(pax["size"])
        name = extended.names.get(_LONG_NAME, pax.get("path", header.name))
        link = extended.names.get(_LONG_LINK, pax.get("linkpath", header.link))
        header = replace(header, name=name, link=link, size=size)
        self._next = self._stream.tell() + -(-header.data // BLOCK) * BLOCK
        return self._sparse_pax(header, pax, extended.pieces) if header.is_file else header

    def _decimal(self, text: str) -> int:
        number = parse_decimal(text.encode("utf-8", "replace"))
        if number is None:
            raise self._damage("a damaged pax header")
        return number

    # -- sparse files --

    def _sparse_gnu(self, header: Header, block: bytes) -> Header:
        """Read GNU's old form: the pieces are in the header, and in blocks behind it."""
        if header.type != _SPARSE:
            return header
        length = self._number(block[483:495])
        pieces = list(self._pieces(block, 386, 4))
        more = block[482]
        while more:
            block = self._stream.read(BLOCK)
            if len(block) < BLOCK:
                raise self._damage("a sparse file's header is cut short")
            pieces += self._pieces(block, 0, 21)
            more = block[504]
            if len(pieces) > EXTENTS_LIMIT:
                break
        return self._sparse(header, pieces, length)

    def _pieces(self, block: bytes, start: int, count: int) -> Iterator[tuple[int, int]]:
        for at in range(start, start + 24 * count, 24):
            if block[at : at + 1] != b"\0":
                yield self._number(block[at : at + 12]), self._number(block[at + 12 : at + 24])

    def _sparse_pax(
        self, header: Header, pax: dict[str, str], records: list[tuple[str, str]]
    ) -> Header:
        """Read GNU's forms 0.0, 0.1 and 1.0."""

        def value(key: str) -> str | None:
            return pax.get(_SPARSE_PREFIX + key)

        name = value("name")
        header = header if name is None else replace(header, name=name)
        if (value("major"), value("minor")) == ("1", "0"):
            length = self._decimal(value("realsize") or "0")
            before = self._stream.tell()
            pieces = self._pieces_in_data(header.size)
            left = header.size - (self._stream.tell() - before)
            return self._sparse(replace(header, size=max(0, left)), pieces, length)
        length = self._decimal(value("size") or "0")
        if (text := value("map")) is not None:
            numbers = text.split(",", 2 * EXTENTS_LIMIT + 1) if text else []
            return self._sparse(header, self._paired(numbers), length)
        offsets = [item for key, item in records if key == f"{_SPARSE_PREFIX}offset"]
        sizes = [item for key, item in records if key == f"{_SPARSE_PREFIX}numbytes"]
        if value("size") is None or len(offsets) != len(sizes):
            return header
        numbers = [number for pair in zip(offsets, sizes, strict=True) for number in pair]
        return self._sparse(header, self._paired(numbers), length)

    def _paired(self, numbers: list[str]) -> list[tuple[int, int]]:
        if len(numbers) % 2 or len(numbers) > 2 * EXTENTS_LIMIT:
            raise self._damage("a damaged map of a sparse file")
        found = [self._decimal(text) for text in numbers]
        return list(zip(found[::2], found[1::2], strict=True))

    def _pieces_in_data(self, size: int) -> list[tuple[int, int]]:
        """Read form 1.0: a count and the pieces, a number a line, before the data; padded."""
        numbers: list[str] = []
        wanted, rest = 1, b""
        while len(numbers) < wanted:
            block = self._stream.read(BLOCK) if size >= BLOCK else b""
            size -= BLOCK
            if len(block) < BLOCK:
                raise self._damage("a sparse file's map is cut short")
            *lines, rest = (rest + block).split(b"\n")
            if len(rest) > BLOCK:
                raise self._damage("a damaged map of a sparse file")
            numbers += (line.decode("ascii", "replace") for line in lines)
            if numbers:
                wanted = 1 + 2 * self._decimal(numbers[0])
            if wanted > 2 * EXTENTS_LIMIT:
                break
        return self._paired(numbers[1:wanted])

    def _sparse(self, header: Header, pieces: list[tuple[int, int]], length: int) -> Header:
        if len(pieces) > EXTENTS_LIMIT:
            raise self._damage(f"a sparse file of more than {EXTENTS_LIMIT} pieces")
        at, data = 0, 0
        for offset, size in pieces:
            if offset < at:
                raise self._damage("a sparse file whose pieces overlap")
            at, data = offset + size, data + size
        if at > length or data > header.size:
            raise self._damage("a sparse file whose pieces lie outside of it")
        return replace(header, extents=tuple(pieces), length=length)


def parse_number(data: bytes) -> int | None:
    """Return a number of a header's field: octal, or base 256 as GNU writes it; None for no number,
    a negative one, or one that is too large."""
    if data[0] & 0x80:
        number = int.from_bytes(bytes([data[0] & 0x7F]) + data[1:], "big")
        return number if number < NUMBER_LIMIT else None
    text = data.split(b"\0", 1)[0].strip()
    if not text:
        return 0
    octal = not text.translate(None, b"01234567")
    return int(text, 8) if octal else None


def parse_decimal(text: bytes) -> int | None:
    """Return a decimal number of a pax header; None for anything else, or one that is too large."""
    if not text.isdigit() or len(text) > 19:
        return None
    number = int(text)
    return number if number < NUMBER_LIMIT else None


def _text(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _zeros(size: int) -> Iterator[bytes]:
    while size > 0:
        yield bytes(min(size, CHUNK))
        size -= CHUNK
