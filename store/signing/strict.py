"""JSON from outside, read strictly: bounded, no member twice, no NaN, every type checked.

Each reader returns a value or raises FormatError; none of them quotes more than a few characters of
what it was given.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from store.errors import FormatError, InvalidName
from store.model.names import ObjectId

T = TypeVar("T")
Members = dict[str, Any]

DEEPEST = 16
"""Levels of arrays and objects that a document may have. Ours have six."""

TEXT_LIMIT = 1 << 16
"""Characters of a string."""

ITEMS_LIMIT = 10_000
"""Items of an array."""

_HEX = re.compile(r"(?:[0-9a-f]{2})*")


def document(data: bytes, limit: int) -> Members:
    """Return the JSON object that ``data`` is, of at most ``limit`` bytes."""
    if len(data) > limit:
        raise FormatError(f"longer than {limit} bytes")
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        # ValueErrors all: bytes that are not UTF-8 or JSON, and an integer of a million digits.
        raise FormatError(f"not JSON: {type(error).__name__}") from error
    _check_depth(value, DEEPEST)
    return members(value)


def _check_depth(value: Any, left: int) -> None:
    if type(value) in (dict, list):
        if left == 0:
            raise FormatError(f"nested deeper than {DEEPEST} levels")
        for item in value.values() if type(value) is dict else value:
            _check_depth(item, left - 1)


def _once(pairs: list[tuple[str, Any]]) -> Members:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise FormatError("a member appears twice in a JSON object")
    return found


def _no_constant(name: str) -> Any:
    raise FormatError(f"{name} is no number")


def members(value: Any) -> Members:
    """Return a JSON object."""
    if type(value) is not dict:
        raise FormatError("expected a JSON object")
    return value


def text(value: Any, limit: int = TEXT_LIMIT) -> str:
    """Return a string that can be encoded."""
    if type(value) is not str or len(value) > limit:
        raise FormatError(f"expected a string of at most {limit} characters")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise FormatError("a string with half a surrogate pair") from error
    return value


def integer(value: Any) -> int:
    """Return a non-negative integer of 63 bits."""
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise FormatError("expected a non-negative integer")
    return value


def number(value: Any) -> float:
    """Return a finite, non-negative number."""
    if type(value) not in (int, float) or not 0 <= value < 1 << 63:
        raise FormatError("expected a non-negative number")
    return float(value)


def items(value: Any, read: Callable[[Any], T], limit: int = ITEMS_LIMIT) -> tuple[T, ...]:
    """Return an array of at most ``limit`` items, each read by ``read``."""
    if type(value) is not list or len(value) > limit:
        raise FormatError(f"expected an array of at most {limit} items")
    return tuple(read(item) for item in value)


def optional(value: Any, read: Callable[[Any], T]) -> T | None:
    """Return None for null (or nothing), or the value that ``read`` reads."""
    return None if value is None else read(value)


def hexadecimal(value: Any, size: int) -> bytes:
    """Return ``size`` bytes in lower-case hexadecimal."""
    if type(value) is not str or len(value) != 2 * size or not _HEX.fullmatch(value):
        raise FormatError(f"expected {size} bytes in lower-case hexadecimal")
    return bytes.fromhex(value)


def base64_bytes(value: Any, limit: int) -> bytes:
    """Return bytes in base64, padded, in the standard or the URL-safe alphabet and in no other
    form."""
    if type(value) is not str or len(value) > limit:
        raise FormatError(f"expected base64 of at most {limit} characters")
    for decode, encode in _ALPHABETS:
        try:
            data = decode(value.encode("ascii"))
        except (binascii.Error, ValueError):
            continue
        if encode(data).decode("ascii") == value:
            return data
    raise FormatError("not canonical base64")


_ALPHABETS: Sequence[tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = (
    (base64.standard_b64decode, base64.standard_b64encode),
    (base64.urlsafe_b64decode, base64.urlsafe_b64encode),
)


def path(value: Any) -> ObjectId:
    """Return an object, from ``/store/<digest>-<name>`` and nothing behind it."""
    try:
        oid = ObjectId.from_path(text(value, 300))
    except InvalidName as error:
        raise FormatError(error.message) from error
    if oid.path != value:
        raise FormatError("expected the path of an object, and nothing below it")
    return oid
