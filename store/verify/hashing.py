"""Hashing files that were looked at: each inode once, however many objects have it, on all cores.

Files are read, not mapped: a bad sector is an error of read(2), and would be the end of a process
that touches a mapped page.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence

from store import digest
from store.display import reason
from store.objects.check import Unread
from store.system.longpath import open_at
from store.system.parallel import map_chunks, worker_count

CHUNK = 512 << 10
"""Bytes read at a time: small enough to be still in the processor's cache when they are hashed."""

HUGE = 256 << 20
"""A file of so many bytes is hashed by all processors together."""

HUGE_CHUNK = 16 << 20

OPENING = 64 << 10
"""The cost of opening and closing a file, in bytes that are hashed in that time."""

FEW = 200 * OPENING
"""Work that is done before another process is forked."""

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Digest = bytes | str
"""A file's digest, or why it cannot be read."""


def reading(folder: str) -> int:
    """Return flags to open files below ``folder`` for reading: without noting the time of it on the
    disk, which costs more than reading a small file, if the owner of ``folder`` may do so."""
    with contextlib.suppress(OSError):
        os.close(os.open(folder, _OPEN | os.O_DIRECTORY | os.O_NOATIME))
        return _OPEN | os.O_NOATIME
    return _OPEN


def hash_inodes(files: Iterable[Unread], known: dict[int, Digest]) -> None:
    """Put each file's digest under its inode into ``known``, unless it is there already."""
    fresh: dict[int, Unread] = {}
    for item in files:
        if item.inode not in known:
            fresh[item.inode] = item
    huge = [item for item in fresh.values() if item.size >= HUGE]
    parcels = _parcels([item for item in fresh.values() if item.size < HUGE])
    for item in huge:
        known[item.inode] = read_digest(item.path, together=True)
    for found in map_chunks(_hash_all, parcels, 1):
        known.update(found)


def read_digest(path: str, *, together: bool = False) -> Digest:
    """Return the plain BLAKE3 of a file, or why there is none."""
    try:
        fd = open_at(path, _OPEN)
    except OSError as error:
        return reason(error)
    hasher = digest.file_hasher(threads=together)
    buffer = memoryview(bytearray(HUGE_CHUNK if together else CHUNK))
    try:
        while size := os.readv(fd, [buffer]):
            hasher.update(buffer[:size])
        return hasher.digest()
    except OSError as error:
        return reason(error)
    finally:
        os.close(fd)


def _hash_all(parcels: Sequence[Sequence[Unread]]) -> dict[int, Digest]:
    return {item.inode: _small_digest(item) for parcel in parcels for item in parcel}


def _small_digest(item: Unread) -> Digest:
    if item.size > CHUNK:
        return read_digest(item.path)
    try:
        fd = open_at(item.path, _OPEN)
        try:
            data = os.read(fd, item.size + 1)
        finally:
            os.close(fd)
    except OSError as error:
        return reason(error)
    return digest.file_digest(data) if len(data) == item.size else read_digest(item.path)


def _parcels(files: Sequence[Unread]) -> list[list[Unread]]:
    """Return as many parcels of about the same cost as processes pay off, each in the order of
    inodes.

    Neighbours by inode often are neighbours on the disk.
    """
    total = sum(item.size + OPENING for item in files)
    count = max(1, min(worker_count(), total // FEW))
    parcels: list[list[Unread]] = [[] for _ in range(count)]
    costs = [0] * count
    for item in sorted(files, key=lambda item: item.size, reverse=True):
        least = costs.index(min(costs))
        parcels[least].append(item)
        costs[least] += item.size + OPENING
    return [sorted(parcel, key=lambda item: item.inode) for parcel in parcels]
