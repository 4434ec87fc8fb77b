"""Hashing files that were looked at: each inode once, however many objects have it, on all cores.

Large files are mapped, by child processes: that costs no copy of their bytes. A page that cannot be
read, or is cut off meanwhile, may be the end of a process that touches it. Then the file is read,
where a bad sector is an error of read(2).
"""

from __future__ import annotations

import contextlib
import faulthandler
import mmap
import os
from collections.abc import Iterable, Sequence
from functools import partial

from store import digest
from store.display import reason
from store.errors import HelperEnded
from store.objects.tree_check import Unread
from store.system.forking import ForkedCall
from store.system.longpath import open_at
from store.system.parallel import map_chunks, worker_count

CHUNK = 512 << 10
"""Bytes read at a time: small enough to be still in the processor's cache when they are hashed."""

HUGE = 256 << 20
"""A file of so many bytes is hashed by all processors together."""

WINDOW = 4 << 20
"""Bytes of a file that are mapped at a time."""
HUGE_WINDOW = 64 << 20
"""Bytes that are mapped at a time of a file that is hashed by all processors."""

_POPULATE_READ = 22  # MADV_POPULATE_READ, which Python 3.11 has no name for

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
    for item in fresh.values():
        if item.size >= HUGE:
            known.update(_mapped_or_none([[item]], threads=True))
    large = [item for item in fresh.values() if CHUNK < item.size < HUGE]
    if sum(item.size for item in large) >= FEW:
        known.update(_mapped_or_none(_parcels(large)))
    rest = [item for item in fresh.values() if item.inode not in known]
    for found in map_chunks(_hash_all, _parcels(rest), 1):
        known.update(found)


def _mapped_or_none(
    parcels: Sequence[Sequence[Unread]], *, threads: bool = False
) -> dict[int, Digest]:
    """Return digests of files by inode, as far as they could be mapped, by a child for each
    parcel."""
    found: dict[int, Digest] = {}
    calls: list[ForkedCall[dict[int, Digest]]] = []
    try:
        for parcel in parcels:
            calls.append(ForkedCall(partial(_hash_mapped, parcel, threads=threads)))
        for call in calls:
            with contextlib.suppress(HelperEnded):
                found.update(call.result())
    finally:
        for call in calls:
            call.cancel()
    return found


def _hash_mapped(files: Sequence[Unread], *, threads: bool) -> dict[int, Digest]:
    faulthandler.disable()  # That it dies of a page is provided for, and no news.
    found: dict[int, Digest] = {}
    for item in files:
        with contextlib.suppress(OSError, ValueError):
            found[item.inode] = _mapped_digest(item.path, threads=threads)
    return found


def _mapped_digest(path: str, *, threads: bool) -> bytes:
    """Return the plain BLAKE3 of a file by way of its pages; OSError or ValueError when they cannot
    be had."""
    hasher = digest.file_hasher(threads=threads)
    window = HUGE_WINDOW if threads else WINDOW
    fd = open_at(path, _OPEN)
    try:
        size = os.fstat(fd).st_size
        for at in range(0, size, window):
            length = min(window, size - at)
            with mmap.mmap(fd, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=at) as pages:
                pages.madvise(_POPULATE_READ)  # an error of the disk is one of this call
                with memoryview(pages) as data:
                    hasher.update(data)
    finally:
        os.close(fd)
    return hasher.digest()


def read_digest(path: str) -> Digest:
    """Return the plain BLAKE3 of a file, or why there is none."""
    try:
        fd = open_at(path, _OPEN)
    except OSError as error:
        return reason(error)
    hasher = digest.file_hasher()
    buffer = memoryview(bytearray(CHUNK))
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
