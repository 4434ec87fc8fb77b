"""The canonical encoding: msgpack with arrays only, and nothing else may import msgpack.

A value is None, a bool, an int of 64 bits, bytes, a str, or a sequence of values. Maps, floats and
extension types do not exist, every form is the shortest, and the decoder accepts exactly what the
encoder writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

SPARE = 64 << 20
"""Bytes of memory that any record's values may take,"""
MEMORY_PER_BYTE = 16
"""of longer ones, as many times their length, which the smallest links of a folder come near to,"""
MOST_MEMORY = 1 << 30
"""and no record more: the manifest of three million files or so has as much."""

_DEAREST = 41
"""Bytes of memory to one of a record, at most: of small negative numbers."""

_ARRAY_HEADS = bytes((*range(0x90, 0xA0), 0xDC, 0xDD))

# One for all: with each new one comes a buffer of a megabyte.
_packer = msgpack.Packer(use_bin_type=True)
_pack = _packer.pack

_LISTS = frozenset((list,))
_PLAIN = frozenset((bool, int, bytes, str, type(None)))

Value: TypeAlias = "bool | int | bytes | str | Sequence[Value] | None"


def encode(value: Value) -> bytes:
    """Return the one byte string that stands for ``value``; FormatError for a value without one."""
    packed = _packed(value)
    _check_arrays(packed)
    check_memory((packed,))
    return packed


def _packed(value: Value) -> bytes:
    _check(value)
    try:
        packed: bytes = _pack(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"no canonical form: {error}") from error
    return packed


def array_head(count: int) -> bytes:
    """Return how the encoding of an array of ``count`` items begins; FormatError for too many."""
    try:
        head: bytes = _packer.pack_array_header(count)
    except ValueError as error:
        raise FormatError(f"no canonical form for {count} items") from error
    return head


def encode_items(values: Sequence[Value]) -> bytes:
    """Return the encoding of an array without its head: with others like it, that of a longer
    one."""
    return encode(values)[len(array_head(len(values))) :]


def decode(data: bytes) -> list[Value]:
    """Return the array that ``data`` stands for; FormatError for what :func:`encode` does not
    write, and for more arrays than there is data for, or too much memory (:func:`check_memory`)."""
    check_memory((data,))
    return _decode(data)


def decode_each(records: Sequence[bytes]) -> list[list[Value]]:
    """Decode as :func:`decode` each of them; together they may take as much memory as one."""
    check_memory(records)
    return list(map(_decode, records))


def _decode(data: bytes) -> list[Value]:
    try:
        _check_arrays(data)
        value = msgpack.unpackb(data, raw=False, **_NO_OTHERS)
    except FormatError:
        raise
    except Exception as error:  # msgpack raises its own tree, ValueError and UnicodeDecodeError
        raise FormatError(f"not canonical msgpack: {error or type(error).__name__}") from error
    if not isinstance(value, list):
        raise FormatError("a canonical record is an array")
    if _packed(value) != data:
        raise FormatError("not in canonical form")
    return value


def _refuse(*_: object) -> None:
    raise FormatError("a value of a kind that no record has")


_NO_OTHERS: dict[str, Any] = {"max_map_len": 0, "object_hook": _refuse, "ext_hook": _refuse}
"""For msgpack: no map is made, an empty one would take 72 times its size in memory, and no
extension."""


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

    msgpack.unpackb(data, raw=True, list_hook=forget, **_NO_OTHERS)


def check_memory(records: Sequence[bytes]) -> None:
    """Raise FormatError when the values of ``records`` would together take more memory than
    :data:`SPARE`, :data:`MEMORY_PER_BYTE` and :data:`MOST_MEMORY` allow; none is made."""
    size = sum(map(len, records))
    most = min(SPARE + MEMORY_PER_BYTE * size, MOST_MEMORY)
    if size * _DEAREST <= most:
        return
    for record in records:
        most -= _memory(record, most)


def _memory(data: bytes, most: int) -> int:
    """Return bytes of memory that the value of ``data`` takes, about; FormatError for more than
    ``most``, and for data that ends before its last value."""
    at = memory = 0
    steps, costs, more = _STEPS, _COSTS, _MORE
    left, size = 1, len(data)  # values that are still to come, each at least a byte
    while left:
        if memory > most or at >= size:
            raise FormatError("values that take too much memory, or that are not all there")
        head = data[at]
        if step := steps[head]:
            at += step
            memory += costs[head]
            left += more[head]
            continue
        left -= 1
        if head == _SHORT_BYTES and at + 1 < size:  # most of a manifest is names and digests
            length = data[at + 1]
            at += 2 + length
            memory += _BYTES_COST + length
            continue
        width = _WIDTHS.get(head, 0)
        if not width:
            raise FormatError("a value of a kind that no record has")
        length = int.from_bytes(data[at + 1 : at + 1 + width])
        at += 1 + width
        memory += _HEAD_COST
        if head in _ARRAY_HEADS:
            left += length
        else:
            at += length
            memory += length * (1 if head in _BYTES_HEADS else _PER_LETTER)
    return memory


_HEAD_COST = 88
"""Bytes that an array or a text take, with the reference to it, beside their contents, and"""
_BYTES_COST = 58
"""those that short bytes take."""
_PER_LETTER = 5
"""Bytes to one of a text that has a letter which takes four, and its UTF-8."""
_SHORT_BYTES = 0xC4
_BYTES_HEADS = frozenset((0xC4, 0xC5, 0xC6))
_WIDTHS = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4}
"""Bytes of the length that follows a head."""


def _steps_and_costs() -> Iterator[tuple[int, int, int]]:
    """Yield steps, memory and values for each head of a number, short text or array, None or bool.

    They are the bytes of the head with its text, those of memory, and by how many the values to
    come change. Other heads have zeros.
    """
    found = dict.fromkeys((*range(0x80), 0xA0, 0xC0, 0xC2, 0xC3), (1, 8, -1))  # one of each, shared
    found |= dict.fromkeys(range(0xE0, 0x100), (1, 40, -1))
    found |= {0x90 + count: (1, _HEAD_COST, count - 1) for count in range(0x10)}
    found |= {0xA0 + size: (1 + size, 96 + _PER_LETTER * size, -1) for size in range(1, 0x20)}
    for width in range(4):
        found |= dict.fromkeys((0xCC + width, 0xD0 + width), (1 + (1 << width), 40, -1))
    return (found.get(head, (0, 0, 0)) for head in range(256))


_STEPS, _COSTS, _MORE = map(list, zip(*_steps_and_costs(), strict=True))


def encode_decoded(value: Value) -> bytes:
    """Encode as :func:`encode` a value that :func:`decode` returned, or a part of it: no kind of it
    is looked at again."""
    packed: bytes = _pack(value)
    return packed


def encode_all_decoded(values: Sequence[Value]) -> list[bytes]:
    """Encode as :func:`encode_decoded` each of them, for thousands."""
    return list(map(_pack, values))


def decode_all(records: Sequence[bytes]) -> list[list[Value]]:
    """Decode as :func:`decode` each of them, for thousands of short ones: quicker."""
    try:
        data = b"".join(records)
        _check_arrays(data)
        check_memory(records)
        unpacker = msgpack.Unpacker(raw=False, max_buffer_size=max(len(data), 1), **_NO_OTHERS)
        unpacker.feed(data)
        values = list(unpacker)
        if (
            len(values) == len(records)
            and {list}.issuperset(map(type, values))
            and _are_plain(values)
            # Then each began and ended where its record does.
            and all(map(eq, map(_pack, values), records))
        ):
            return values
    except Exception:  # noqa: S110 - whatever msgpack raises, it is found again below
        pass
    return [decode(data) for data in records]


_SHALLOW = 8
"""Levels of arrays that records have which are looked at together."""


def _are_plain(values: list[Any]) -> bool:
    """Return whether all in these arrays, level by level, has a canonical form; deep ones count as
    not."""
    for _ in range(_SHALLOW):
        items = list(chain.from_iterable(values))
        kinds = set(map(type, items))
        if kinds <= _PLAIN:
            return True
        if list not in kinds or not kinds - _LISTS <= _PLAIN:
            return False
        values = [item for item in items if type(item) is list]
    return False


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
