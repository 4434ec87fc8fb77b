"""The bytes of a file on disk: their digest, what they name, and their digest when blanked.

Files are read in chunks, so that memory does not grow with them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from store import digest
from store.model import identity
from store.objects.scan import OVERLAP, Scanner

CHUNK = 1 << 20
"""Bytes that are read at a time."""


def file_digest(path: str) -> bytes:
    """The plain BLAKE3 of the file at ``path``."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return blanked_digest(fd, ())
    finally:
        os.close(fd)


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
