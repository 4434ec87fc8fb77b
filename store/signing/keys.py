"""Ed25519 keys and signatures; ``ed25519`` has the arithmetic.

A key as text is one line, ``NAME:BASE64``: for a public key of its 32 bytes. A private key says so
first, so that the one is never taken for the other: ``private NAME:BASE64``, of the 32-byte seed.
The name is for people; two keys are the same when their bytes are.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from dataclasses import dataclass, field
from functools import cached_property

from store.display import quoted
from store.errors import FormatError
from store.signing import strict
from store.signing.ed25519 import scheme

KEY_SIZE = 32
SIGNATURE_SIZE = 64
PRIVATE = "private "

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_key_name(name: str) -> str:
    """Return ``name`` itself, when it can name a key; FormatError otherwise."""
    if not _NAME.fullmatch(name):
        raise FormatError(
            f"{quoted(name)} cannot name a key",
            hint="1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or digit",
        )
    return name


@dataclass(frozen=True)
class PublicKey:
    """Whom to believe. ``raw`` is the 32 bytes of RFC 8032; the name takes no part in equality."""

    raw: bytes
    name: str = field(compare=False)

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if len(self.raw) != KEY_SIZE:
            raise FormatError(f"a public key has {KEY_SIZE} bytes, not {len(self.raw)}")

    def __str__(self) -> str:
        return f"{self.name}:{base64.b64encode(self.raw).decode('ascii')}"

    @property
    def id(self) -> str:
        """The SHA-256 of the 32 bytes, in hex; a signature names its key by it."""
        return hashlib.sha256(self.raw).hexdigest()

    @classmethod
    def parse(cls, line: str) -> PublicKey:
        """Return the inverse of ``str``; FormatError otherwise, and for a private key."""
        if line.startswith(PRIVATE):
            raise FormatError("this is a private key, and a public one was asked for")
        return cls(*_split(line))

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Return whether this key made the 64-byte signature of the message."""
        return scheme().verify(self.raw, signature, message)


@dataclass(frozen=True)
class PrivateKey:
    """A key to sign with. ``seed`` is the 32 bytes of RFC 8032, and never shown."""

    seed: bytes = field(repr=False)
    name: str

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if len(self.seed) != KEY_SIZE:
            raise FormatError(f"a private key has {KEY_SIZE} bytes, not {len(self.seed)}")

    @classmethod
    def generate(cls, name: str) -> PrivateKey:
        """Return a fresh one."""
        return cls(os.urandom(KEY_SIZE), name)

    @classmethod
    def parse(cls, line: str) -> PrivateKey:
        """Return the inverse of :meth:`text`; FormatError otherwise."""
        if not line.startswith(PRIVATE):
            raise FormatError("not a private key")
        return cls(*_split(line.removeprefix(PRIVATE)))

    def text(self) -> str:
        """Return the line that a key's file holds. A secret, so not what ``str`` gives."""
        return f"{PRIVATE}{self.name}:{base64.b64encode(self.seed).decode('ascii')}"

    @cached_property
    def public(self) -> PublicKey:
        """The other half."""
        return PublicKey(scheme().public(self.seed), self.name)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature; the same each time."""
        return scheme().sign(self.seed, message)


def _split(line: str) -> tuple[bytes, str]:
    name, colon, encoded = line.strip().partition(":")
    if not colon:
        raise FormatError("a key is one line, NAME:BASE64")
    return strict.base64_bytes(encoded, 64), name
