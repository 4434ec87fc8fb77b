"""DSSE envelopes: a payload with signatures, one JSON line each.

The format is that of https://github.com/secure-systems-lab/dsse, version 1.0. Signatures are of the
pre-authentication encoding of the payload and its type. So only the envelope's own JSON is parsed
before a signature is checked, and no two payloads can share an encoding.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from store.errors import FormatError
from store.signing import strict
from store.signing.keys import SIGNATURE_SIZE, PrivateKey, PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"

ENVELOPE_LIMIT = 4 << 20
"""Bytes of an envelope's line."""

SIGNATURES_LIMIT = 64
"""Signatures of one envelope."""

MOST_HASHED = 64 << 20
"""Bytes of one message that are hashed for signatures that name none of the keys tried on them;
each attempt also counts as"""
ATTEMPT_COST = 16 << 10
"""bytes: four thousand attempts, and sixteen of the longest message."""


@dataclass(frozen=True)
class Signature:
    """64 bytes, and a hint at the key that made them, which nothing is decided by."""

    signature: bytes
    key_id: str = ""


@dataclass(frozen=True)
class Envelope:
    """A payload, its type and its signatures. Nothing here says that a signature is good."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]

    @property
    def message(self) -> bytes:
        """The bytes to sign."""
        return pre_authentication_encoding(self.payload_type, self.payload)


class SignatureWorth(Enum):
    """The worth of a signature to us."""

    GOOD = "good"
    INVALID = "invalid"
    """It names a trusted key, and that key did not make it."""
    UNTRUSTED = "untrusted"
    """No trusted key made it, nor does it say that one did."""


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return ``DSSEv1 LEN(type) type LEN(payload) payload``, lengths in bytes and decimal."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(payload: bytes, keys: Iterable[PrivateKey], payload_type: str = PAYLOAD_TYPE) -> str:
    """Return the line, without its newline, of an envelope that each of the keys has signed."""
    message = pre_authentication_encoding(payload_type, payload)
    signatures = [
        {"keyid": key.public.id, "sig": base64.b64encode(key.sign(message)).decode("ascii")}
        for key in keys
    ]
    record = {
        "payloadType": payload_type,
        "payload": base64.b64encode(payload).decode("ascii"),
        "signatures": signatures,
    }
    return json.dumps(record, separators=(",", ":"))


def parse(line: bytes) -> Envelope:
    """Return the envelope that a line is; FormatError otherwise."""
    return from_members(strict.document(line, ENVELOPE_LIMIT))


def from_members(record: strict.Members) -> Envelope:
    """Return the envelope that a JSON object is; FormatError otherwise."""
    kind = strict.text(record.get("payloadType"), 200)
    payload = strict.base64_bytes(record.get("payload"), ENVELOPE_LIMIT)
    signatures = strict.items(record.get("signatures"), _signature, SIGNATURES_LIMIT)
    if not signatures:
        raise FormatError("an envelope without a signature")
    return Envelope(payload, kind, signatures)


def _signature(value: Any) -> Signature:
    record = strict.members(value)
    signature = strict.base64_bytes(record.get("sig"), 200)
    return Signature(signature, strict.text(record.get("keyid") or "", 200))


def check(
    envelope: Envelope, trusted: Sequence[PublicKey]
) -> tuple[frozenset[PublicKey], tuple[SignatureWorth, ...]]:
    """Return the trusted keys that signed the envelope, each once, and each signature's
    standing."""
    signers = set()
    standings = []
    attempts = _Attempts(envelope.message, trusted)
    named = [attempts.named(signature) for signature in envelope.signatures]
    for signature, found in zip(envelope.signatures, named, strict=True):
        signer = found or attempts.other(signature)
        if signer is not None:
            signers.add(signer)
            standings.append(SignatureWorth.GOOD)
        elif any(key.id == signature.key_id for key in trusted):
            standings.append(SignatureWorth.INVALID)
        else:
            standings.append(SignatureWorth.UNTRUSTED)
    return frozenset(signers), tuple(standings)


class _Attempts:
    """Tries keys on the signatures of one message: those that are named first, and then as many
    others as :data:`MOST_HASHED` allows."""

    def __init__(self, message: bytes, trusted: Sequence[PublicKey]) -> None:
        self._message = message
        self._trusted = trusted
        self._left = MOST_HASHED // (len(message) + ATTEMPT_COST)

    def named(self, signature: Signature) -> PublicKey | None:
        """Return the key that the signature names, if it made it."""
        return self._first(signature, (key for key in self._trusted if key.id == signature.key_id))

    def other(self, signature: Signature) -> PublicKey | None:
        """Return the key that made the signature, of those that it does not name."""
        others = [key for key in self._trusted if key.id != signature.key_id][: max(0, self._left)]
        self._left -= len(others)
        return self._first(signature, others)

    def _first(self, signature: Signature, keys: Iterable[PublicKey]) -> PublicKey | None:
        if len(signature.signature) != SIGNATURE_SIZE:
            return None
        made = signature.signature
        return next((key for key in keys if key.verifies(made, self._message)), None)
