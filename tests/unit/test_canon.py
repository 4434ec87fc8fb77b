"""The canonical encoding: one byte string for a value, and no other is read."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from store import canon
from store.errors import FormatError
from tests.amounts import example_count

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.binary(max_size=40)
    | st.text(max_size=40)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=5), max_leaves=8
)
RECORDS = st.lists(VALUES, max_size=6)

QUICK = settings(max_examples=example_count(50))


@QUICK
@given(RECORDS)
def test_values_come_back(record: list[Any]) -> None:
    decoded = canon.decode(canon.encode(record))
    assert decoded == record
    assert repr(decoded) == repr(record)  # True is not 1


@QUICK
@given(st.lists(RECORDS, max_size=5))
def test_many_are_read_as_one_by_one(records: list[list[Any]]) -> None:
    encoded = list(map(canon.encode, records))
    assert repr(canon.decode_all(encoded)) == repr(records)
    for wrong in (b"", b"\x92\xc2", b"\xc2", b"\x91\xd9\x01a", b"\x91\xca\0\0\0\0", b"\x91\x80"):
        with pytest.raises(FormatError):
            canon.decode_all([*encoded, wrong])


@QUICK
@given(RECORDS, st.data())
def test_changed_bytes_are_refused_or_are_the_encoding_of_something(
    record: list[Any], data: st.DataObject
) -> None:
    encoding = bytearray(canon.encode(record))
    at = data.draw(st.integers(0, len(encoding) - 1))
    encoding[at] = data.draw(st.integers(0, 255))
    assert_canonical_or_refused(bytes(encoding))


@QUICK
@given(st.binary(max_size=60))
@example(b"")
@example(b"\xc1")
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\x91\xc6\xff\xff\xff\xff")
def test_any_bytes_are_refused_or_are_the_encoding_of_something(data: bytes) -> None:
    assert_canonical_or_refused(data)
    assert_canonical_or_refused(b"\x93" + data)


def assert_canonical_or_refused(data: bytes) -> None:
    try:
        value = canon.decode(data)
    except FormatError:
        return
    assert canon.encode(value) == data


@pytest.mark.parametrize(
    "data",
    [
        "91cc05",  # 5 in two bytes
        "91cd00ff",
        "91ce0000ffff",
        "91cf00000000ffffffff",
        "91d005",  # signed, and not negative
        "91d0e0",  # -32 in two bytes
        "91d1ff80",
        "91d9036162 63",  # a short string, long form
        "91da0003616263",
        "91c500016 1",  # bytes with a long length
        "dc0001c0",  # an array of one, long form
        "dd00000001c0",
    ],
)
def test_forms_that_are_not_the_shortest_are_refused(data: str) -> None:
    encoding = bytes.fromhex(data.replace(" ", ""))
    msgpack.unpackb(encoding)  # which reads them
    with pytest.raises(FormatError):
        canon.decode(encoding)


@pytest.mark.parametrize(
    "value",
    [
        [{}],
        [{"a": 1}],
        [1.5],
        [msgpack.ExtType(3, b"x")],
        [msgpack.Timestamp(1)],
        {},
        1.0,
        [[1], [b"x", 1.5]],
        [[1], {}],
        [[], [[1.5]]],
    ],
)
def test_maps_floats_and_extensions_are_neither_read_nor_written(
    value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FormatError):
        canon.decode(msgpack.packb(value))
    with pytest.raises(FormatError):
        canon.encode(value)
    monkeypatch.setattr(canon, "_DEAREST", 1 << 30)  # what it holds is counted
    with pytest.raises(FormatError):
        canon.decode(msgpack.packb(value))


@pytest.mark.parametrize("value", [None, True, 1, b"x", "x"])
def test_only_an_array_is_a_record(value: Any) -> None:
    with pytest.raises(FormatError):
        canon.decode(canon.encode(value))


@pytest.mark.parametrize(
    "value", [bytearray(b"x"), memoryview(b"x"), {1}, object(), 2**64, -(2**63) - 1, "\ud800"]
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(FormatError):
        canon.encode([value])


@pytest.mark.parametrize("bad", [[b"left", 2**70], ["left", "\udc80"], [[b"left", [2**64]]]])
def test_nothing_of_what_is_refused_is_left_for_the_next(bad: Any) -> None:
    with pytest.raises(FormatError):
        canon.encode(bad)
    assert canon.encode([1]) == b"\x91\x01"


def test_trailing_and_missing_bytes_are_refused() -> None:
    encoding = canon.encode([1, b"abc", "x"])
    for wrong in (encoding + b"\0", encoding + b"\xc0", encoding[:-1], b""):
        with pytest.raises(FormatError):
            canon.decode(wrong)


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(FormatError):
        canon.decode(b"\x91\xa1\xff")


def test_text_and_bytes_are_not_the_same() -> None:
    assert canon.encode(["a"]) != canon.encode([b"a"])


@pytest.mark.parametrize("depth", [100, 600, 990, 1100, 5000])
def test_deep_nesting_is_no_crash(depth: int) -> None:
    assert_canonical_or_refused(b"\x91" * depth + b"\xc0")


def test_arrays_are_no_more_than_there_is_data_for() -> None:
    pairs = [["a", "b"]] * 100_000
    assert canon.decode(canon.encode(pairs)) == pairs
    digests = [[bytes([0x90]) * 32, b"\xdc\xdd" * 40]] * 10_000
    assert canon.decode(canon.encode(digests)) == digests
    assert canon.decode(canon.encode([[]] * 1000)) == [[]] * 1000
    empty: list[Any] = [[[]] * 100_000, [[[1]]] * 50_000]
    for few in empty:
        with pytest.raises(FormatError):
            canon.encode(few)
    with pytest.raises(FormatError):
        canon.decode(b"\xdd\0\1\0\0" + b"\x90" * (1 << 16))


def test_values_take_no_more_memory_than_there_is_data_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(canon, "SPARE", 1 << 16)
    entries: list[Any] = [[b"name", 1, False, 2**40, bytes(32)]] * 5000
    assert canon.decode(canon.encode(entries)) == entries
    assert canon.decode(canon.encode(["a" * 2000] * 1000)) == ["a" * 2000] * 1000
    dear: list[list[Any]] = [[-30] * 10_000, ["ab"] * 10_000, [["c", "d", "e", -9]] * 10_000]
    for values in dear:
        with pytest.raises(FormatError, match="memory"):
            canon.encode(values)
        packed = msgpack.packb(values)
        with pytest.raises(FormatError, match="memory"):
            canon.decode(packed)
        with pytest.raises(FormatError, match="memory"):
            canon.decode_each([packed[:3] + b"\x00" + packed[4:], packed])


def test_however_long_a_record_is_its_memory_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canon, "MOST_MEMORY", 1 << 20)
    assert canon.encode([bytes(100)] * 1000)
    with pytest.raises(FormatError, match="memory"):
        canon.encode([bytes(100)] * 8000)
    half = canon.encode([bytes(100)] * 3000)
    assert len(canon.decode_each([half])) == 1
    with pytest.raises(FormatError, match="memory"):
        canon.decode_each([half] * 3)


@QUICK
@given(RECORDS, st.data())
def test_what_is_cut_short_is_refused_however_it_is_read(
    record: list[Any], data: st.DataObject
) -> None:
    encoding = canon.encode(record)
    cut = encoding[: data.draw(st.integers(0, len(encoding) - 1))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canon, "_DEAREST", 1 << 30)  # all are counted
        assert canon.decode(encoding) == record
        with pytest.raises(FormatError):
            canon.decode(cut)
