"""Ed25519 (RFC 8032): by ``cryptography``, or by ``_fixpoint_ed25519``, a module of C that is built
into a static Python (``derivations/python/fixpoint_ed25519.c``).

Seeds and public keys have 32 bytes, signatures 64. Each is loaded when it is first needed. Both
refuse a signature that is no canonical one; the built-in module refuses a weak public key as well.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Protocol


class Scheme(Protocol):
    """The three functions of a scheme."""

    def public(self, seed: bytes, /) -> bytes: ...
    def sign(self, seed: bytes, message: bytes, /) -> bytes: ...
    def verify(self, public: bytes, signature: bytes, message: bytes, /) -> bool: ...


class _Cryptography:
    def __init__(self) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ed25519

        self._refused = (InvalidSignature, ValueError)
        # To make one of a seed takes longer than to sign, and a process signs with one or two.
        self._private = lru_cache(4)(ed25519.Ed25519PrivateKey.from_private_bytes)
        self._public = ed25519.Ed25519PublicKey.from_public_bytes

    def public(self, seed: bytes, /) -> bytes:
        return self._private(seed).public_key().public_bytes_raw()

    def sign(self, seed: bytes, message: bytes, /) -> bytes:
        return self._private(seed).sign(message)

    def verify(self, public: bytes, signature: bytes, message: bytes, /) -> bool:
        try:
            self._public(public).verify(signature, message)
        except self._refused:
            return False
        return True


@cache
def scheme() -> Scheme:
    """Return the functions of the library that there is."""
    try:
        return _Cryptography()
    except ImportError:
        import _fixpoint_ed25519

        found: Scheme = _fixpoint_ed25519
        return found
