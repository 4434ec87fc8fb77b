"""BLAKE3, and nothing else may import it.

A file's digest is plain BLAKE3-256, so ``b3sum`` agrees. Everything else is hashed in
``derive_key`` mode under its kind's own context string, so that no two kinds of thing can collide.
The text form of a 160-bit digest is 32 characters of a base-32 alphabet, most significant bits
first.
"""

from __future__ import annotations

import base64
import binascii
import re
from enum import Enum
from typing import TypeAlias

from blake3 import blake3

from store.errors import FormatError

DIGEST_SIZE = 32
"""Bytes of a full digest."""

OBJECT_DIGEST_SIZE = 20
"""Bytes of a digest that is cut to 160 bits to stand in a path."""

TEXT_SIZE = 32
"""Characters of an object digest's text form."""

# Without e, o, t and u: ordinary words rarely hold 32 such characters in a row, which keeps the
# reference scan fast.
ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz"

_RFC4648 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_TO_TEXT = bytes.maketrans(_RFC4648, ALPHABET.encode())
_FROM_TEXT = bytes.maketrans(ALPHABET.encode(), _RFC4648)
_TEXT = re.compile(f"[{ALPHABET}]{{{TEXT_SIZE}}}")

Bytes: TypeAlias = bytes | bytearray | memoryview
Hasher: TypeAlias = blake3


class Kind(Enum):
    """What a keyed digest is of; the value is BLAKE3's context string and part of the format."""

    DIRECTORY = "fixpoint 2026-11 directory v1"
    TREE = "fixpoint 2026-11 tree v1"
    BLANKED_FILE = "fixpoint 2026-11 file with its own object's digest blanked v1"
    OBJECT = "fixpoint 2026-11 object v1"
    SOURCE = "fixpoint 2026-11 source v1"
    DERIVATION = "fixpoint 2026-11 derivation v1"
    RESOLVED = "fixpoint 2026-11 resolved derivation v1"
    SCRATCH = "fixpoint 2026-11 scratch path v1"
    PLACEHOLDER = "fixpoint 2026-11 placeholder v1"
    REALISATION = "fixpoint 2026-11 realisation v1"
    CATALOGUE = "fixpoint 2026-11 catalogue's files v1"


def keyed(kind: Kind, data: Bytes) -> bytes:
    """The 32-byte digest of ``data`` under its kind's context."""
    return blake3(data, derive_key_context=kind.value).digest()


def file_digest(data: Bytes) -> bytes:
    """The plain 32-byte BLAKE3 of a file's bytes."""
    return blake3(data).digest()


def file_hasher(*, threads: bool = False) -> blake3:
    """A fresh hasher for a file's bytes: ``update(data)``, then ``digest()``.

    With ``threads``, an update of some MiB is hashed on all processors.
    """
    return blake3(max_threads=blake3.AUTO if threads else 1)


def to_text(digest: bytes) -> str:
    """32 characters for a 20-byte digest."""
    if len(digest) != OBJECT_DIGEST_SIZE:
        raise FormatError(f"an object digest has {OBJECT_DIGEST_SIZE} bytes, not {len(digest)}")
    return base64.b32encode(digest).translate(_TO_TEXT).decode("ascii")


def from_text(text: str) -> bytes:
    """The 20-byte digest that :func:`to_text` wrote; FormatError for anything else."""
    if not _TEXT.fullmatch(text):
        raise FormatError(f"{text!r} is not an object digest ({TEXT_SIZE} of {ALPHABET})")
    try:
        return base64.b32decode(text.encode("ascii").translate(_FROM_TEXT))
    except binascii.Error as error:  # pragma: no cover - the pattern leaves nothing to refuse
        raise FormatError(f"{text!r} is not an object digest") from error
