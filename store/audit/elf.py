"""The sections of an ELF file, to name the one at an offset.

The format is that of the System V ABI (gABI 4.1, chapter 4). Files are hostile: a misfit is no
section, nothing is read outside of the file, and the sections together are no larger than the file:
no byte lies in two of them, so that work on all is linear.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from store.display import printable

Bytes = bytes | bytearray | memoryview

MAGIC = b"\x7fELF"

MAX_SECTIONS = 1 << 16
"""More are not looked at; gcc writes thousands with -ffunction-sections."""

_NOBITS = 8
_HEADER_SIZE = {1: 52, 2: 64}


@dataclass(frozen=True)
class ElfPart:
    """A named range of a file: bytes ``start`` to ``end``, the latter not included."""

    name: str
    start: int
    end: int


def is_elf(data: Bytes) -> bool:
    """Return whether the bytes begin as an ELF file of either size and byte order does."""
    return data[:4] == MAGIC and len(data) >= 52 and data[4] in (1, 2) and data[5] in (1, 2)


def sections(data: Bytes) -> list[ElfPart]:
    """Return the sections that occupy bytes of the file, in the order of its table; empty if
    damaged."""
    return list(_sections(data)) if is_elf(data) else []


def parts(data: Bytes) -> list[ElfPart]:
    """Return the sections, then the headers and tables that lie between them."""
    header = _HEADER_SIZE[data[4]] if is_elf(data) else 0
    found = sections(data)
    if header:
        found.append(ElfPart("the ELF header", 0, header))
        found += _tables(data)
    return found


def at(found: list[ElfPart], offset: int) -> str:
    """Return the name of the smallest part that the byte at ``offset`` belongs to; empty if
    none."""
    around = [part for part in found if part.start <= offset < part.end]
    return min(around, key=lambda part: part.end - part.start).name if around else ""


def _unpack(data: Bytes, offset: int, narrow: str, wide: str) -> tuple[int, ...] | None:
    order = "<" if data[5] == 1 else ">"
    layout = struct.Struct(order + (narrow if data[4] == 1 else wide))
    if offset < 0 or offset + layout.size > len(data):
        return None
    return layout.unpack_from(data, offset)


def _ends(data: Bytes) -> tuple[int, ...] | None:
    """Return e_phoff, e_shoff, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx."""
    found = _unpack(data, 28 if data[4] == 1 else 32, "IIIHHHHHH", "QQIHHHHHH")
    return None if found is None else (*found[:2], *found[4:])


def _tables(data: Bytes) -> Iterator[ElfPart]:
    ends = _ends(data)
    if ends is None:
        return
    for name, start, size, count in (
        ("the program headers", ends[0], ends[2], ends[3]),
        ("the section headers", ends[1], ends[4], ends[5]),
    ):
        if 0 < start < len(data) and size * count:
            yield ElfPart(name, start, min(len(data), start + size * count))


def _sections(data: Bytes) -> Iterator[ElfPart]:
    ends = _ends(data)
    if ends is None:
        return
    _, table, _, _, size, count, names_index = ends
    headers = []
    for number in range(min(count, MAX_SECTIONS)):
        # sh_name, sh_type, sh_flags, sh_addr, sh_offset, sh_size
        header = _unpack(data, table + number * size, "6I", "IIQQQQ")
        if header is None:
            return
        headers.append(header)
    if names_index >= len(headers):
        return
    names_start, names_size = headers[names_index][4:6]
    names = bytes(data[names_start : names_start + names_size])
    left = len(data)
    for name, kind, _, _, start, length in headers:
        if kind not in (0, _NOBITS) and length and start + length <= len(data):
            left -= length
            if left < 0:
                return
            yield ElfPart(_string(names, name), start, start + length)


def _string(table: bytes, offset: int) -> str:
    end = table.find(b"\0", offset, offset + 200)
    text = table[offset : end if end >= 0 else offset + 200]
    return printable(text.decode("utf-8", "replace")) or "a nameless section"
