"""BLAKE3, and nothing else may import it.

A file's digest is plain BLAKE3-256, so ``b3sum`` agrees. Everything else is hashed in
``derive_key`` mode under its kind's own context string, so that no two kinds of thing can collide.
The text form of a 160-bit digest is 32 characters of a base-32 alphabet, most significant bits
first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from functools import cache
from typing import TypeAlias

from blake3 import blake3

from store.display import quoted
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

_CHARACTERS = ALPHABET.encode()
_TO_TEXT = bytes.maketrans(bytes(range(32)), _CHARACTERS)
# Python reads numbers of base 32 with these digits.
_FROM_TEXT = bytes.maketrans(_CHARACTERS, b"0123456789abcdefghijklmnopqrstuv")
_NUMBERS = bytes.maketrans(_CHARACTERS, bytes(range(32)))
_BLOCK = 256
_ENDS = range(TEXT_SIZE, (_BLOCK + 1) * TEXT_SIZE, TEXT_SIZE)

Bytes: TypeAlias = bytes | bytearray | memoryview
Hasher: TypeAlias = blake3


class DigestKind(Enum):
    """Kinds of keyed digests; the value is BLAKE3's context string and part of the format."""

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


def keyed(kind: DigestKind, data: Bytes) -> bytes:
    """Return the 32-byte digest of ``data`` under its kind's context."""
    return blake3(data, derive_key_context=kind.value).digest()


def keyed_all(kind: DigestKind, items: Iterable[Bytes]) -> list[bytes]:
    """Return :func:`keyed` of each, quicker for thousands of short ones: the context is hashed
    once."""
    fresh, found = blake3(derive_key_context=kind.value), []
    for data in items:
        hasher = fresh.copy()
        hasher.update(data)
        found.append(hasher.digest())
    return found


def keyed_hasher(kind: DigestKind) -> Hasher:
    """Return a fresh hasher for what :func:`keyed` is asked for: ``update(data)``, then
    ``digest()``."""
    return blake3(derive_key_context=kind.value)


def file_digest(data: Bytes) -> bytes:
    """Return the plain 32-byte BLAKE3 of a file's bytes."""
    return blake3(data).digest()


def file_hasher(*, threads: bool = False) -> blake3:
    """Return a fresh hasher for a file's bytes: ``update(data)``, then ``digest()``.

    With ``threads``, an update of some MiB is hashed on all processors; it would wait forever in a
    process that was forked from one that has done so: its threads stay behind.
    """
    return blake3(max_threads=blake3.AUTO if threads else 1)


def to_text(digest: bytes) -> str:
    """Return 32 characters for a 20-byte digest."""
    if len(digest) != OBJECT_DIGEST_SIZE:
        raise _wrong_size(len(digest))
    number = int.from_bytes(digest, "big")
    for low, high, up in _spreading(1):
        number = number & low | (number & high) << up
    return number.to_bytes(TEXT_SIZE, "big").translate(_TO_TEXT).decode("ascii")


def to_texts(digests: Sequence[bytes]) -> Iterator[str]:
    """Return :func:`to_text` of each; a block of them is one number, which is fast for
    thousands."""
    for start in range(0, len(digests), _BLOCK):
        block = digests[start : start + _BLOCK]
        for size in set(map(len, block)) - {OBJECT_DIGEST_SIZE}:
            raise _wrong_size(size)
        number = int.from_bytes(_PAD.join(block), "big")
        for low, high, up in _spreading(_BLOCK):
            number = number & low | (number & high) << up
        text = number.to_bytes(TEXT_SIZE * len(block), "big").translate(_TO_TEXT).decode("ascii")
        yield from [text[at : at + TEXT_SIZE] for at in range(0, len(text), TEXT_SIZE)]


_PAD = bytes(TEXT_SIZE - OBJECT_DIGEST_SIZE)


@cache
def _spreading(count: int) -> tuple[tuple[int, int, int], ...]:
    """Return the steps from digests to characters: two masks and a shift each.

    Each digest is a number of 160 bits in a cell of 256. A step halves the cells, and moves the
    upper half of what one holds to the new one, until each byte has 5 bits.
    """
    every = int.from_bytes((bytes(TEXT_SIZE - 1) + b"\1") * count, "big")
    steps = []
    cell, held = 8 * TEXT_SIZE, 8 * OBJECT_DIGEST_SIZE
    while cell > 8:
        low = sum((1 << held // 2) - 1 << at for at in range(0, 8 * TEXT_SIZE, cell))
        steps.append((low * every, (low << held // 2) * every, (cell - held) // 2))
        cell, held = cell // 2, held // 2
    return tuple(steps)


def _wrong_size(size: int) -> FormatError:
    return FormatError(f"an object digest has {OBJECT_DIGEST_SIZE} bytes, not {size}")


def from_texts(texts: Sequence[str]) -> list[bytes]:
    """Return :func:`from_text` of each, fast for thousands."""
    data = "".join(texts).encode("utf-8", "surrogatepass")
    if set(map(len, texts)) - {TEXT_SIZE} or data.translate(None, _CHARACTERS):
        return list(map(from_text, texts))  # one of them names the fault
    numbers = data.translate(_NUMBERS)
    found: list[bytes] = []
    for start in range(0, len(numbers), _BLOCK * TEXT_SIZE):
        block = numbers[start : start + _BLOCK * TEXT_SIZE]
        number = int.from_bytes(block, "big")
        for low, high, up in reversed(_spreading(_BLOCK)):
            number = number & low | number >> up & high
        cells = number.to_bytes(len(block), "big")
        found += [cells[at - OBJECT_DIGEST_SIZE : at] for at in _ENDS[: len(block) // TEXT_SIZE]]
    return found


def from_text(text: str) -> bytes:
    """Return the 20-byte digest that :func:`to_text` wrote; FormatError for anything else."""
    data = text.encode("utf-8", "surrogatepass")
    if len(data) != TEXT_SIZE or data.translate(None, _CHARACTERS):
        raise FormatError(f"{quoted(text)} is not an object digest ({TEXT_SIZE} of {ALPHABET})")
    return int(data.translate(_FROM_TEXT), 32).to_bytes(OBJECT_DIGEST_SIZE, "big")
