"""Names of the files of a cache, relative to its top; ``docs/cache.md`` describes each."""

from __future__ import annotations

from typing import Final

from store.model.names import ObjectId

MARKER: Final = "fixpoint-cache"
"""Holds the format's version; its presence says that a place is a cache."""

VERSION: Final = b"1\n"
"""The contents of the marker."""


def head(oid: ObjectId) -> str:
    """Return the name of an object's head."""
    return f"objects/{oid.text[:2]}/{oid}.head"


def pack(oid: ObjectId) -> str:
    """Return the name of an object's pack."""
    return f"objects/{oid.text[:2]}/{oid}.pack"


def by_derivation(derivation: bytes, key_id: str) -> str:
    """Return the name of a signer's statements of an unresolved derivation (its digest)."""
    return f"by-derivation/{derivation.hex()}/{key_id}.jsonl"


def by_key(key: bytes, key_id: str) -> str:
    """Return the name of a signer's statements of a key, the digest of a resolved derivation."""
    return f"by-key/{key.hex()}/{key_id}.jsonl"


def source(sha256: str) -> str:
    """Return the name of the file that names the object of a source."""
    return f"sources/{sha256}"


def log(blake3: bytes) -> str:
    """Return the name of a build's compressed log, by the digest of the log itself."""
    return f"logs/{blake3.hex()}.zst"
