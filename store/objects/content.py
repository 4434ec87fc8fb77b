"""The bytes of a file on disk: their digest, what they name, and their digest when blanked.

Files are read in chunks, so that memory does not grow with them.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator

from store import digest
from store.durable import open_file
from store.model import identity
from store.objects.scan import OVERLAP, Scanner

CHUNK = 1 << 20
"""Bytes that are read at a time."""

LONGEST_RECORD = 512 << 20
"""Bytes of the longest record that is read: that of an object of eight million files or so."""


def read_record(path: str) -> tuple[bytes, os.stat_result]:
    """The bytes of the record at ``path``, and its attributes; OSError when it is no file, or
    longer than a record can be."""
    return read_open_record(open_file(path), path, LONGEST_RECORD)


def read_open_record(fd: int, path: str, longest: int) -> tuple[bytes, os.stat_result]:
    """As :func:`read_record`, of the file open as ``fd``, which is closed; it has ``longest`` bytes
    at most."""
    with os.fdopen(fd, "rb") as stream:
        seen = os.fstat(fd)
        if seen.st_size > longest:
            raise OSError(errno.EFBIG, "longer than any record", path)
        # No more than was there, even if it grows.
        return stream.read(seen.st_size), seen


def file_digest(path: str) -> bytes:
    """The plain BLAKE3 of the file at ``path``; OSError when it is no file."""
    fd = open_file(path)
    try:
        return blanked_digest(fd, ())
    finally:
        os.close(fd)


def source_digest(path: str) -> str:
    """The SHA-256 in hex of the file at ``path``, which sources are known by; OSError when it is no
    file."""
    hasher = hashlib.sha256()
    fd = open_file(path)
    try:
        for chunk in _read(fd, 0, None):
            hasher.update(chunk)
    finally:
        os.close(fd)
    return hasher.hexdigest()


def blanked_digest(fd: int, offsets: Iterable[int]) -> bytes:
    """The plain BLAKE3 of an open file, with the 32 bytes from each offset (ascending) blanked."""
    hasher = digest.file_hasher()
    at = 0
    for offset in offsets:
        for chunk in _read(fd, at, offset):
            hasher.update(chunk)
        hasher.update(identity.BLANK[max(at - offset, 0) :])
        at = offset + digest.TEXT_SIZE
    for chunk in _read(fd, at, None):
        hasher.update(chunk)
    return hasher.digest()


def occurrences(fd: int, scanner: Scanner) -> Iterator[tuple[int, bytes]]:
    """Where an open file holds the scanner's texts: offset and text, ascending."""
    tail, base = b"", 0
    for chunk in _read(fd, 0, None):
        # The last bytes are looked at again: a text may lie across the border.
        window = tail + chunk
        for offset, text in scanner.find(window):
            yield base + offset, text
        tail = window[-OVERLAP:]
        base += len(window) - len(tail)


def _read(fd: int, start: int, end: int | None) -> Iterator[bytes]:
    while end is None or start < end:
        chunk = os.pread(fd, CHUNK if end is None else min(CHUNK, end - start), start)
        if not chunk:
            return
        yield chunk
        start += len(chunk)
