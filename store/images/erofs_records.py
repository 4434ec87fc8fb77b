"""The records of an EROFS image: superblock, inodes, folders. Pure.

The format is the kernel's ``fs/erofs/erofs_fs.h``. Blocks have 4096 bytes; an inode's number is its
position in units of 32 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

BLOCK: Final = 4096
SLOT: Final = 32
SUPER_AT: Final = 1024
FIRST_SLOT: Final = (SUPER_AT + 128) // SLOT
"""The first number that an inode can have: behind the superblock."""

COMPACT: Final = 32
EXTENDED: Final = 64
NO_BLOCK: Final = 0xFFFF_FFFF
MOST_BLOCKS: Final = 0xFFFF_FFFF
"""A number of a block has 32 bits: 16 TiB."""

FILE, FOLDER, LINK = 1, 2, 7
"""The types of entries in folders."""

FLAT_PLAIN: Final = 0
FLAT_INLINE: Final = 2
"""How an inode's data lie: in blocks; and in blocks, but for the last part, which follows it."""

_MAGIC: Final = 0xE0F5E1E2
_HAS_CHECKSUM: Final = 1
_SUPER: Final = "<IIIBBHQQIIII16s16sI"
_CHECKSUM_AT: Final = SUPER_AT + 4
_COMPACT: Final = struct.Struct("<HHHHIIIIHHI")
_EXTENDED: Final = struct.Struct("<HHHHQIIIIQII16x")
_ENTRY: Final = struct.Struct("<QHBB")

Entry = tuple[bytes, int, int]
"""An entry of a folder: name, type and inode number."""


def superblock(
    *, root: int, inodes: int, blocks: int, uuid: bytes, label: bytes, time: int
) -> bytes:
    """Return the 128 bytes, without the checksum. ``root`` is the root's inode number, of 16 bits;
    ``uuid`` has 16 bytes, ``label`` 15 at most."""
    return struct.pack(
        _SUPER,
        _MAGIC,
        0,
        _HAS_CHECKSUM,
        BLOCK.bit_length() - 1,
        0,
        root,
        inodes,
        time,
        0,
        blocks,
        0,
        0,
        uuid,
        label,
        0,
    ).ljust(128, b"\0")


def put_checksum(first: bytearray) -> None:
    """Write the checksum of the first block, which begins ``first``, into its superblock."""
    found = crc32c(first[SUPER_AT:BLOCK])
    struct.pack_into("<I", first, _CHECKSUM_AT, found)


def inode(
    *,
    mode: int,
    links: int,
    size: int,
    block: int,
    number: int,
    layout: int,
    extended: bool,
    time: int,
) -> bytes:
    """Return an inode of root's, of 32 or 64 bytes. ``time`` is that of the image where the inode
    is compact, and has no time of its own."""
    form = layout << 1 | extended
    if extended:
        return _EXTENDED.pack(form, 0, mode, 0, size, block, number, 0, 0, time, 0, links)
    return _COMPACT.pack(form, 0, mode, links, size, 0, block, number, 0, 0, 0)


def folder_blocks(names: Iterable[bytes]) -> list[list[bytes]]:
    """Return sorted names as they share blocks."""
    blocks: list[list[bytes]] = [[]]
    used = 0
    for name in names:
        need = _ENTRY.size + len(name)
        if used + need > BLOCK:
            blocks.append([])
            used = 0
        blocks[-1].append(name)
        used += need
    return blocks


def folder_size(names: Sequence[bytes]) -> int:
    """Return the bytes of a folder with these sorted names, ``.`` and ``..`` among them."""
    blocks = folder_blocks(names)
    return (len(blocks) - 1) * BLOCK + sum(_ENTRY.size + len(name) for name in blocks[-1])


def folder_data(entries: Sequence[Entry]) -> bytes:
    """Return the bytes of a folder with these entries, sorted by name."""
    data, waiting = bytearray(), iter(entries)
    for names in folder_blocks([name for name, _, _ in entries]):
        data += bytes(-len(data) % BLOCK)
        at, heads = _ENTRY.size * len(names), bytearray()
        for name, (_, kind, nid) in zip(names, waiting, strict=False):
            heads += _ENTRY.pack(nid, at, kind, 0)
            at += len(name)
        data += heads + b"".join(names)
    return bytes(data)


def crc32c(data: bytes | bytearray) -> int:
    """Return the CRC-32C as the kernel keeps it, which begins with all bits set, and inverts none
    at the end."""
    table, value = _crc_table(), 0xFFFF_FFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value


@cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F6_3B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)
