"""Copying the index while it is in use, under a seal.

An index has no checksums of its own, so a copy that lies about for long ends with the digest of all
before it.
"""

from __future__ import annotations

import os

from store import digest
from store.errors import CorruptObject, StorageError, output_error
from store.index.env import Index
from store.system.output_file import is_replaceable
from store.system.whole_file import replacing

_MARK = b"\nblake3 "
SEAL = len(_MARK) + 2 * digest.DIGEST_SIZE + 1
"""Bytes of the seal: its mark, the digest as text, and the end of a line. LMDB reads no further
than its own pages."""

_CHUNK = 1 << 20


def backup(index: Index, path: str) -> int:
    """Put a copy of the index, as of now, in the place of the file ``path``, durably.

    Returns its size in bytes, the seal included. Writers go on meanwhile; at no instant is there
    half a copy. Raises StorageError.
    """
    if not is_replaceable(path):
        raise StorageError(
            f"{path} is there, and is no file that could be replaced",
            hint="choose another place for it",
        )
    try:
        with replacing(path, mode=0o600, durable=True) as stream:
            return _copy(index, stream.fileno())
    except OSError as error:
        raise output_error(error, "the copy", path) from error


def _copy(index: Index, fd: int) -> int:
    index.copy_to(fd)
    size = os.fstat(fd).st_size
    return size + os.pwrite(fd, _MARK + _text(fd, size) + b"\n", size)


def check_seal(path: str) -> None:
    """Raise CorruptObject when a copy's bytes are not those that were sealed. A file without a
    seal, such as another program's copy, is left to the reader's judgement. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(fd).st_size - SEAL
        if size < 0:
            return
        seal = os.pread(fd, SEAL, size)
        if seal.startswith(_MARK) and seal != _MARK + _text(fd, size) + b"\n":
            raise CorruptObject(
                f"{path} cannot be taken back: its bytes are not those that were written",
                hint=f"cut off its last {SEAL} bytes, the seal, and the records that can still be "
                "read are used",
            )
    finally:
        os.close(fd)


def _text(fd: int, end: int) -> bytes:
    """Return the digest of an open file's first ``end`` bytes, in hexadecimal."""
    hasher, at = digest.file_hasher(), 0
    while at < end and (chunk := os.pread(fd, min(_CHUNK, end - at), at)):
        hasher.update(chunk)
        at += len(chunk)
    return hasher.hexdigest().encode("ascii")
