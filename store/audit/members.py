"""The contents of archives and compressed files, to name the member in which two differ.

Parsers of our own for ar and tar, which read headers only; gzip and xz are unpacked up to a bound.
Files are hostile: a misfit ends the list, and nothing is unpacked beyond the bound.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from store.display import printable

Bytes = bytes | bytearray | memoryview

AR_MAGIC = b"!<arch>\n"
_AR_TABLES = {
    b"/": "the symbol table",
    b"/SYM64/": "the symbol table",
    b"__.SYMDEF": "the symbol table",
    b"//": "the table of long names",
}
GZIP_MAGIC = b"\x1f\x8b\x08"
XZ_MAGIC = b"\xfd7zXZ\0"

UNPACKED_LIMIT = 32 << 20
"""Bytes that are unpacked at most, and half as many of each that lies within another one."""

UNXZ_MEMORY = 80 << 20
"""Bytes of memory that unpacking an xz file may take; that of `xz -9` takes 65 MiB."""

MEMBERS_LIMIT = 100_000
"""Members of an archive that are looked at."""


@dataclass(frozen=True)
class ArMember:
    """A member: its header's bytes begin at ``header``, its content is ``start`` to ``end``.

    ``table`` says that it is about the other members.
    """

    name: str
    header: int
    start: int
    end: int
    table: bool = False


def ar_members(data: Bytes) -> list[ArMember]:
    """Return the members of an ar archive, GNU's and BSD's long names resolved."""
    return list(_ar(data)) if data[: len(AR_MAGIC)] == AR_MAGIC else []


def _ar(data: Bytes) -> Iterator[ArMember]:
    place = len(AR_MAGIC)
    long_names: Bytes = b""
    for _ in range(MEMBERS_LIMIT):
        header = bytes(data[place : place + 60])
        if len(header) < 60 or header[58:] != b"`\n":
            return
        size = _decimal(header[48:58])
        start = place + 60
        if size is None or start + size > len(data):
            return
        raw = header[:16].rstrip()
        if raw == b"//":
            long_names = data[start : start + size]
        table = _AR_TABLES.get(raw)
        name = table or _ar_name(raw, long_names, bytes(data[start : start + min(size, 1024)]))
        yield ArMember(name, place, start, start + size, table is not None)
        place = start + size + size % 2


def _ar_name(raw: bytes, long_names: Bytes, content: bytes) -> str:
    if raw.startswith(b"#1/"):
        return _shown(content[: _decimal(raw[3:]) or 0].rstrip(b"\0"))
    if raw.startswith(b"/"):
        offset = _decimal(raw[1:])
        if offset is not None:
            return _shown(bytes(long_names[offset : offset + 1024]).split(b"\n")[0].rstrip(b"/"))
    return _shown(raw.removesuffix(b"/"))


def is_tar(data: Bytes) -> bool:
    """Return whether it is a tar archive of POSIX's or GNU's kind."""
    return data[257:262] == b"ustar"


def tar_members(data: Bytes) -> list[ArMember]:
    """Return the members of a tar archive. Long names of GNU's and POSIX's kind are cut short."""
    return list(_tar(data)) if is_tar(data) else []


def _tar(data: Bytes) -> Iterator[ArMember]:
    place = 0
    for _ in range(MEMBERS_LIMIT):
        header = bytes(data[place : place + 512])
        if len(header) < 512 or header[257:262] != b"ustar":
            return
        size = _octal(header[124:136])
        start = place + 512
        if size is None or start + size > len(data):
            return
        name, prefix = header[:100].split(b"\0")[0], header[345:500].split(b"\0")[0]
        if prefix and header[257:263] == b"ustar\0":
            name = prefix + b"/" + name
        yield ArMember(_shown(name), place, start, start + size)
        place = start + (size + 511) // 512 * 512


def ungzip(data: Bytes, limit: int = UNPACKED_LIMIT) -> bytes | None:
    """Return the contents of the first member of a gzip file, cut at ``limit``; None if it is
    damaged."""
    try:
        return zlib.decompressobj(wbits=31).decompress(data, limit)
    except zlib.error:
        return None


def unxz(data: Bytes, limit: int = UNPACKED_LIMIT) -> bytes | None:
    """Return the contents of an xz file, cut at ``limit``; None if it is damaged, or wants much
    memory."""
    try:
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=UNXZ_MEMORY)
        return unpacker.decompress(data, limit)
    except (lzma.LZMAError, MemoryError):
        return None


def _decimal(text: bytes) -> int | None:
    text = text.strip()
    return int(text) if text.isdigit() and len(text) < 20 else None


def _octal(text: bytes) -> int | None:
    text = text.strip(b" \0")
    digits = text.isdigit() and not set(text) & set(b"89")
    return int(text, 8) if digits and len(text) < 20 else None


def _shown(name: bytes) -> str:
    return printable(name.decode("utf-8", "replace"))
