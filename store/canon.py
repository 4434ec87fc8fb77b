"""The canonical encoding: msgpack with arrays only, and nothing else may import msgpack.

A value is None, a bool, an int of 64 bits, bytes, a str, or a sequence of values. Maps, floats and
extension types do not exist, every form is the shortest, and the decoder accepts exactly what the
encoder writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import eq
from typing import Any, TypeAlias

import msgpack

from store.errors import FormatError

DEEPEST = 64
"""Levels of arrays that a value may have. The records have five."""

ARRAYS_ALLOWED = 1024
"""Arrays that any record may have, and"""
BYTES_PER_ARRAY = 5
"""of longer ones, bytes to each. A pair of letters has as many; an empty array would take 64 times
its size in memory."""

_ARRAY_HEADS = bytes((*range(0x90, 0xA0), 0xDC, 0xDD))

# One for all: with each new one comes a buffer of a megabyte.
_packer = msgpack.Packer(use_bin_type=True)
_pack = _packer.pack

_LISTS = frozenset((list,))
_PLAIN = frozenset((bool, int, bytes, str, type(None)))

Value: TypeAlias = "bool | int | bytes | str | Sequence[Value] | None"


def encode(value: Value) -> bytes:
    """The one byte string that stands for ``value``; FormatError for what has none."""
    _check(value)
    try:
        packed: bytes = _pack(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"no canonical form: {error}") from error
    _check_arrays(packed)
    return packed


def array_head(count: int) -> bytes:
    """How the encoding of an array of ``count`` items begins; FormatError for too many."""
    try:
        head: bytes = _packer.pack_array_header(count)
    except ValueError as error:
        raise FormatError(f"no canonical form for {count} items") from error
    return head


def encode_items(values: Sequence[Value]) -> bytes:
    """The encoding of an array without its head: with others like it, that of a longer one."""
    return encode(values)[len(array_head(len(values))) :]


def decode(data: bytes) -> list[Value]:
    """The array that ``data`` stands for; FormatError for what :func:`encode` does not write, and
    for more arrays than there is data for."""
    try:
        _check_arrays(data)
        value = msgpack.unpackb(data, raw=False, strict_map_key=False)
    except FormatError:
        raise
    except Exception as error:  # msgpack raises its own tree, ValueError and UnicodeDecodeError
        raise FormatError(f"not canonical msgpack: {error or type(error).__name__}") from error
    if not isinstance(value, list):
        raise FormatError("a canonical record is an array")
    if encode(value) != data:
        raise FormatError("not in canonical form")
    return value


def _check_arrays(data: bytes) -> None:
    """Raise FormatError for too many arrays, before any is made."""
    most = ARRAYS_ALLOWED + len(data) // BYTES_PER_ARRAY
    # Other bytes may look as an array's first one does: only then they are counted one by one.
    if len(data) <= most or len(data) - len(data.translate(None, _ARRAY_HEADS)) <= most:
        return
    left = most

    def forget(_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise FormatError("more arrays than there is data for")

    msgpack.unpackb(data, raw=True, list_hook=forget)


def decode_all(records: Sequence[bytes]) -> list[list[Value]]:
    """As :func:`decode` of each, for thousands: quicker if their arrays hold no arrays."""
    try:
        data = b"".join(records)
        _check_arrays(data)
        unpacker = msgpack.Unpacker(
            raw=False, strict_map_key=False, max_buffer_size=max(len(data), 1)
        )
        unpacker.feed(data)
        values = list(unpacker)
        if (
            len(values) == len(records)
            and {list}.issuperset(map(type, values))
            and _PLAIN.issuperset(map(type, chain.from_iterable(values)))
            # Then each began and ended where its record does.
            and all(map(eq, map(_pack, values), records))
        ):
            return values
    except Exception:  # noqa: S110 - whatever msgpack raises, it is found again below
        pass
    return [decode(data) for data in records]


def _check(value: Any, depth: int = 0) -> None:
    if depth > DEEPEST:
        raise FormatError(f"no canonical form for arrays nested deeper than {DEEPEST}")
    # bytearray, memoryview, subclasses and float would be packed by msgpack without complaint.
    kind = type(value)
    if kind in (list, tuple):
        if depth < DEEPEST and _PLAIN.issuperset(map(type, value)):
            return
        # Many short arrays, as a folder's entries are, in one go.
        if (
            depth + 1 < DEEPEST
            and _LISTS.issuperset(map(type, value))
            and _PLAIN.issuperset(map(type, chain.from_iterable(value)))
        ):
            return
        for item in value:
            _check(item, depth + 1)
    elif kind not in _PLAIN:
        raise FormatError(f"no canonical form for {kind.__name__}")
