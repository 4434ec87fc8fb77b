"""Ed25519 as RFC 8032 describes it, in Python: slow, and with the interface of
``_fixpoint_ed25519``."""

from __future__ import annotations

import hashlib

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

Point = tuple[int, int]


def _x(y: int, odd: int) -> int:
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and odd):
        raise ValueError("no point of the curve")
    return P - x if x % 2 != odd else x


BASE: Point = (_x(4 * pow(5, -1, P) % P, 0), 4 * pow(5, -1, P) % P)


def _add(one: Point, two: Point) -> Point:
    (a, b), (c, d) = one, two
    product = D * a * b * c * d
    x, y = (a * d + b * c) * pow(1 + product, -1, P), (b * d + a * c) * pow(1 - product, -1, P)
    return x % P, y % P


def _times(count: int, point: Point) -> Point:
    found: Point = (0, 1)
    while count:
        if count & 1:
            found = _add(found, point)
        point, count = _add(point, point), count >> 1
    return found


def _encoded(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def _decoded(data: bytes) -> Point:
    number = int.from_bytes(data, "little")
    y = number & (1 << 255) - 1
    if len(data) != 32 or y >= P:
        raise ValueError("no encoded point")
    return _x(y, number >> 255), y


def _number(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def _secret(seed: bytes) -> tuple[int, bytes]:
    if len(seed) != 32:
        raise ValueError("a seed has 32 bytes")
    hashed = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(hashed[:32], "little") & (1 << 254) - 8 | 1 << 254
    return scalar, hashed[32:]


def public(seed: bytes, /) -> bytes:
    """Return the public key of a seed."""
    return _encoded(_times(_secret(seed)[0], BASE))


def sign(seed: bytes, message: bytes, /) -> bytes:
    """Return the signature of a message."""
    scalar, prefix = _secret(seed)
    nonce = _number(prefix, message) % ORDER
    commitment = _encoded(_times(nonce, BASE))
    challenge = _number(commitment, public(seed), message) % ORDER
    return commitment + ((nonce + challenge * scalar) % ORDER).to_bytes(32, "little")


def verify(key: bytes, signature: bytes, message: bytes, /) -> bool:
    """Return whether the signature is the key's, of this message."""
    try:
        point, commitment = _decoded(key), _decoded(signature[:32])
    except ValueError:
        return False
    scalar = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or scalar >= ORDER:
        return False
    challenge = _number(signature[:32], key, message) % ORDER
    return _times(scalar, BASE) == _add(commitment, _times(challenge, point))
