"""Another order for what getdents(2) lists.

A buffer that the kernel filled is a run of records: ``u64 inode, s64 offset, u16 length, …``. The
offset is where the directory goes on *behind* the record; so it belongs to the place in the buffer
and not to the entry. A reader that goes on behind the last record misses nothing.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

from store.sandbox.request import Listing

OFFSET: Final = slice(8, 16)
DOTS: Final = (b".", b"..")
NAME_STARTS: Final = {False: 18, True: 19}
"""Of the records of getdents and of getdents64, which has the kind before the name."""


SMALLEST: Final = 20
"""Bytes of a record with a name."""


def reorder(buffer: bytes, listing: Listing, *, wide: bool) -> bytes:
    """Return the same records in another order: of getdents64 if ``wide``, of getdents otherwise.

    ``.`` and ``..`` stay where they are: every file system lists them first. Shuffled, the order
    depends on nothing but the names. Raises ValueError or struct.error for what no kernel wrote:
    another thread can write to the buffer before it is looked at.
    """
    records = _split(buffer)
    start = NAME_STARTS[wide]
    names = [record[start:].partition(b"\0")[0] for record in records]
    moving = [place for place, name in enumerate(names) if name not in DOTS]
    if listing == "shuffled":
        order = sorted(moving, key=lambda place: (zlib.crc32(names[place]), names[place]))
    else:
        order = moving[::-1]
    taken = dict(zip(moving, order, strict=True))
    offsets = [record[OFFSET] for record in records]
    return b"".join(
        _with_offset(records[taken.get(place, place)], offset)
        for place, offset in enumerate(offsets)
    )


def _split(buffer: bytes) -> list[bytes]:
    records, start = [], 0
    while start < len(buffer):
        (length,) = struct.unpack_from("=H", buffer, start + 16)
        if length < SMALLEST or start + length > len(buffer):
            raise ValueError("not what the kernel lists")
        records.append(buffer[start : start + length])
        start += length
    return records


def _with_offset(record: bytes, offset: bytes) -> bytes:
    return record[: OFFSET.start] + offset + record[OFFSET.stop :]
