"""A file beside the index with the facts that only the index has, so that it can be made anew.

Objects have their manifests; realisations, nodes, roots, verified sources and the times that builds
took are nowhere else on disk. Each transaction that changes one of them appends its changes, before
it commits. Every record is in a frame of its own: one that a cut left half-written, or that a disk
has damaged, costs no other.

A frame is a mark (4 bytes), the record's length (4, big-endian), the first 16 bytes of its plain
BLAKE3, and the record: an array whose first item is its kind.

| record | |
| --- | --- |
| ``["store", bytes]`` | the store's identity; all that follows is its |
| ``["node", data]`` | as in ``nodes`` |
| ``["realised", data]`` | as in ``realisations`` |
| ``["realisation", data]`` | as schema 2 had it: without an origin |
| ``["source", sha256, locator, when]`` | as in ``sources`` |
| ``["history", name, [ms, …]]`` | as in ``history``; the last one counts |
| ``["root", name, data]``, ``["unroot", name]`` | a root set, or removed; the last one counts |
| ``["times", digest, used, verified]`` | only in a copy that is saved from an index |
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

from store import canon, digest
from store.canon import Value
from store.errors import CorruptObject, FormatError, StoreError
from store.index.reading import Reader
from store.index.writing import Writer
from store.system.durable import open_file

MARK = b"\xf1xp\x01"
_HEAD = struct.Struct(">4sI16s")

LONGEST = 64 << 20
"""Bytes of a record. No node is nearly as large; a length beyond it is damage."""

VAIN = 16
"""How many times as many bytes as a file has are read again behind marks of no record; after that,
what such a mark says of a length is skipped."""


def keep(path: str, txn: Writer) -> None:
    """Append the changes of the transaction; write the whole, when there is no file yet, or the
    transaction forgot some of it.

    The index comes first: a change that cannot be written down takes the file away, and the next
    transaction that changes something writes the whole again.
    """
    try:
        try:
            if txn.changes.forgotten:
                write_whole(path, txn)
            else:
                _append(path, txn.changes.told)
        except FileNotFoundError:
            write_whole(path, txn)
    except (OSError, StoreError, ValueError, struct.error):
        # The latter three: the index holds what it should not, which is not this transaction's.
        with contextlib.suppress(OSError):
            os.unlink(path)


def _append(path: str, records: Iterable[list[Value]]) -> None:
    fd = open_file(path, os.O_WRONLY | os.O_APPEND)
    try:
        data = b"".join(map(framed, records))
        if os.write(fd, data) != len(data):
            raise OSError("not all was written")
    finally:
        os.close(fd)


def write_whole(
    path: str,
    txn: Reader,
    *,
    times: bool = False,
    more: Iterable[list[Value]] = (),
    most: int | None = None,
) -> None:
    """Put a file with all that the index knows in the place of the one at ``path``, durably.

    Only one process may: the one that writes to the index. ``times`` are those of last use and
    verification; ``more`` are records that the index cannot hold. Raises OSError, and CorruptObject
    when the index is damaged, or tells of more than ``most`` bytes.
    """
    from store.system.whole_file import replacing  # commands that change nothing do without

    with replacing(path, mode=0o644, durable=True, own_folder=True, aside=f"{path}.new") as stream:
        left = most
        for record in chain(txn.everything(times=times), more):
            frame = framed(record)
            if left is not None:
                left -= len(frame)
                if left < 0:
                    raise CorruptObject("it repeats the same records without end")
            stream.write(frame)


def _is_file(path: str) -> bool:
    return os.path.isfile(path) and not os.path.islink(path)


def framed(record: list[Value]) -> bytes:
    """Return a record as it stands in the file."""
    data = canon.encode(record)
    return _HEAD.pack(MARK, len(data), digest.file_digest(data)[:16]) + data


@dataclass
class Scan:
    """Reads a file's records; ``skipped`` are the bytes that were no whole record."""

    path: str
    skipped: int = 0

    def records(self) -> Iterator[list[Value]]:
        """Yield every whole record, in order; none when there is no file, or something else stands
        there. Raises OSError."""
        try:
            fd = open_file(self.path, os.O_RDONLY)
        except OSError:
            if _is_file(self.path):
                raise
            return
        with os.fdopen(fd, "rb") as stream:
            size, at, vain = os.fstat(stream.fileno()).st_size, 0, 0
            while at < size:
                stream.seek(at)
                record, length = _next(stream)
                if record is not None:
                    yield record
                    at += length
                    continue
                # Bytes that look like a frame may say that it is long, and hold many others that
                # do.
                vain += length
                found = _resume(stream, at + (1 if vain <= VAIN * size else max(length, 1)))
                end = size if found is None else found
                self.skipped += end - at
                at = end


def _resume(stream: BinaryIO, start: int) -> int | None:
    """Return where the next mark stands, from ``start`` on."""
    stream.seek(start)
    before, piece = b"", 1 << 12
    while chunk := stream.read(piece):
        place = (before + chunk).find(MARK)
        if place >= 0:
            return start - len(before) + place
        start += len(chunk)
        before = (before + chunk)[-len(MARK) + 1 :]
        piece = min(2 * piece, 1 << 20)
    return None


def _next(stream: BinaryIO) -> tuple[list[Value] | None, int]:
    """Return the record whose frame begins here, and the bytes of the frame; None when none does,
    and how many were read to see it."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None, 0
    mark, length, check = _HEAD.unpack(head)
    if mark != MARK or length > LONGEST:
        return None, 0
    data = stream.read(length)
    read = _HEAD.size + len(data)
    if len(data) < length or digest.file_digest(data)[:16] != check:
        return None, read
    try:
        return canon.decode(data), read
    except FormatError:
        return None, read
