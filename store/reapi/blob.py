"""Blobs: their names, and where the bytes of those come from that are to be sent."""

from __future__ import annotations

import hashlib
from typing import Any, Final, NamedTuple, TypeAlias

from store.display import quoted
from store.errors import FormatError
from store.reapi.messages import message

HASH_SIZE: Final = 32
LARGEST: Final = 1 << 50
"""Bytes of a blob; more is not believed."""

_HEX: Final = frozenset("0123456789abcdef")


class BlobDigest(NamedTuple):
    """The name of a blob: its SHA-256 in hex, and its bytes."""

    hash: str
    size: int

    def is_of(self, data: bytes) -> bool:
        """Return whether it is the name of these bytes."""
        return len(data) == self.size and hashlib.sha256(data).hexdigest() == self.hash


class Blob(NamedTuple):
    """A blob to be sent; ``source`` is its bytes, or the path of a file."""

    digest: BlobDigest
    source: bytes | str


class BlobPiece(NamedTuple):
    """Bytes of a blob from ``offset`` on."""

    digest: BlobDigest
    offset: int
    data: bytes


EMPTY: Final = BlobDigest(hashlib.sha256(b"").hexdigest(), 0)
"""Each server has it, so it is not asked for; it is sent to one that has lost its blobs."""

Message: TypeAlias = Any
"""A message of the API; its class is made at run time."""


def blob_of(data: bytes) -> Blob:
    """Return the blob of these bytes."""
    return Blob(BlobDigest(hashlib.sha256(data).hexdigest(), len(data)), data)


def digest_message(digest: BlobDigest) -> Message:
    """Return a digest as a message."""
    return message("Digest")(hash=digest.hash, size_bytes=digest.size)


def read_digest(digest: Message) -> BlobDigest:
    """Return the digest in a message; FormatError for one that no blob has."""
    found = BlobDigest(digest.hash, digest.size_bytes)
    if len(found.hash) != 2 * HASH_SIZE or not _HEX.issuperset(found.hash):
        raise FormatError(f"{quoted(found.hash)} is no SHA-256")
    if not 0 <= found.size <= LARGEST:
        raise FormatError(f"a blob of {found.size} bytes")
    return found
