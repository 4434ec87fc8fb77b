"""The bytes of a file on disk: their digest, what they name, and their digest when blanked.

Files are read in chunks, so that memory does not grow with them.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from store import digest
from store.model import identity
from store.objects.scan import OVERLAP
from store.system.durable import open_file

CHUNK = 1 << 20
"""Bytes that are read at a time."""

ZEROS = bytes(CHUNK)
"""As many bytes, as of a hole."""

HOLE = 64 << 10
"""Bytes of zeros that are not written."""

LONGEST_RECORD = 256 << 20
"""Bytes of the longest record that is read: that of an object of three million files or so."""


def read_record(path: str) -> tuple[bytes, os.stat_result]:
    """Return the bytes of the record at ``path``, and its attributes; OSError when it is no file,
    or longer than a record can be."""
    return read_open_record(open_file(path), path, LONGEST_RECORD)


def read_open_record(fd: int, path: str, longest: int) -> tuple[bytes, os.stat_result]:
    """Act as :func:`read_record`, of the file open as ``fd``, which is closed; it has ``longest``
    bytes at most."""
    with os.fdopen(fd, "rb") as stream:
        seen = os.fstat(fd)
        if seen.st_size > longest:
            raise OSError(errno.EFBIG, "longer than any record", path)
        # No more than was there, even if it grows.
        return stream.read(seen.st_size), seen


def file_digest(path: str) -> bytes:
    """Return the plain BLAKE3 of the file at ``path``; OSError when it is no file."""
    fd = open_file(path)
    try:
        return file_digest_of(fd)
    finally:
        os.close(fd)


def source_digest(path: str) -> str:
    """Return the SHA-256 in hex of the file at ``path``, which sources are known by; OSError when
    it is no file."""
    import hashlib  # it loads OpenSSL, which most commands do not need

    hasher = hashlib.sha256()
    fd = open_file(path)
    try:
        for chunk in _read(fd):
            hasher.update(chunk)
    finally:
        os.close(fd)
    return hasher.hexdigest()


def file_digest_of(fd: int) -> bytes:
    """Return the plain BLAKE3 of an open file."""
    hasher = digest.file_hasher()
    for chunk in _read(fd):
        hasher.update(chunk)
    return hasher.digest()


def places(data: bytes, texts: Iterable[bytes]) -> list[tuple[int, bytes]]:
    """Return where ``data`` holds each of a few digest texts: offset and text, ascending.

    Two may share bytes, if the one ends as the other begins.
    """
    found: list[tuple[int, bytes]] = []
    for text in texts:
        found += [(start, text) for start in _starts(data, text)]
    return sorted(found)


def _starts(data: bytes, text: bytes) -> list[int]:
    if text not in data:
        return []
    pattern = re.compile(b"(?=%s)" % text if _overlaps_itself(text) else text)
    return [match.start() for match in pattern.finditer(data)]


def _overlaps_itself(text: bytes) -> bool:
    return any(text.endswith(text[:size]) for size in range(1, len(text)))


def replaced(text: bytes, places: Iterable[tuple[int, bytes]]) -> bytes:
    """Return ``text`` with each of the given digests (or blanks) at its offset."""
    changed = bytearray(text)
    for offset, new in places:
        changed[offset : offset + digest.TEXT_SIZE] = new
    return bytes(changed)


@dataclass(frozen=True)
class ContentPart:
    """Bytes of a file from ``start`` on, in which ``count`` texts were replaced, or begun to be."""

    start: int
    data: bytes
    count: int


def replacing(fd: int, texts: Mapping[bytes, bytes]) -> Iterator[ContentPart]:
    """Yield an open file in parts, each text replaced by another: a pass in bounded memory, however
    often they occur. Parts that were yielded may be written back meanwhile."""
    alone = next(iter(texts)) if len(texts) == 1 else None
    if alone is not None and _overlaps_itself(alone):
        alone = None
    tail = changed = b""
    start = 0
    for chunk in _read(fd):
        # The last bytes are looked at again, as they were: a text may lie across the border.
        window = tail + chunk
        if alone is not None:
            out, count = _replaced_alone(window, changed, alone, texts[alone])
        else:
            found = places(window, texts)
            out = replaced(changed + chunk, [(at, texts[text]) for at, text in found])
            count = len(found)
        tail, changed = window[-OVERLAP:], out[-OVERLAP:]
        ready = len(out) - len(changed)
        yield ContentPart(start, out[:ready], count)
        start += ready
    yield ContentPart(start, changed, 0)


def _replaced_alone(window: bytes, changed: bytes, text: bytes, new: bytes) -> tuple[bytes, int]:
    """Return ``window``, which begins as ``changed`` was, with a text replaced that cannot overlap
    itself."""
    first = window.find(text)
    if first < 0:
        return changed + window[len(changed) :], 0
    kept = min(first, len(changed))
    return changed[:kept] + window.replace(text, new)[kept:], window.count(text)


def offsets(fd: int, text: bytes) -> Iterator[list[int]]:
    """Yield where an open file holds a text, ascending, in lists of bounded length."""
    tail, base = b"", 0
    for chunk in _read(fd):
        window = tail + chunk
        yield [base + at for at in _starts(window, text)]
        tail = window[-OVERLAP:]
        base += len(window) - len(tail)


def blanked_digest(fd: int, own: bytes) -> tuple[bytes, int]:
    """Return the plain BLAKE3 of an open file with each ``own`` digest blanked, and how many there
    are."""
    hasher, count = digest.file_hasher(), 0
    for part in replacing(fd, {own: identity.BLANK}):
        hasher.update(part.data)
        count += part.count
    return hasher.digest(), count


def blanked_payload(fd: int, own: bytes) -> bytes | None:
    """Return the payload that counts for an open file that names its own object; None if it does
    not."""
    content, count = blanked_digest(fd, own)
    return identity.blanked_stream(content, count, offsets(fd, own)) if count else None


def rewrite(fd: int, texts: Mapping[bytes, bytes]) -> bytes:
    """Replace each text in an open file by another; returns the file's plain BLAKE3 then."""
    hasher = digest.file_hasher()
    for part in replacing(fd, texts):
        hasher.update(part.data)
        _put(fd, part)
    return hasher.digest()


def _put(fd: int, part: ContentPart) -> None:
    """Write a part back, but for blocks of zeros: nothing became zeros, and holes stay holes."""
    data = memoryview(part.data)
    for start in range(0, len(data), HOLE):
        block = data[start : start + HOLE]
        if part.data.startswith(ZEROS[: len(block)], start):
            continue
        at = part.start + start
        while block:
            written = os.pwrite(fd, block, at)
            block, at = block[written:], at + written


def _read(fd: int) -> Iterator[bytes]:
    at = 0
    while chunk := os.pread(fd, CHUNK, at):
        yield chunk
        at += len(chunk)
