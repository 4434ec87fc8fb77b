"""Digests, and their text form."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import digest
from store.digest import ALPHABET, DigestKind
from store.errors import FormatError
from tests.amounts import example_count

QUICK = settings(max_examples=example_count(60))


@QUICK
@given(st.binary(min_size=20, max_size=20))
def test_a_digest_comes_back_from_its_text(value: bytes) -> None:
    text = digest.to_text(value)
    assert len(text) == 32
    assert set(text) <= set(ALPHABET)
    assert digest.from_text(text) == value


@QUICK
@given(st.text(ALPHABET, min_size=32, max_size=32))
def test_a_text_comes_back_from_its_digest(text: str) -> None:
    assert digest.to_text(digest.from_text(text)) == text


@QUICK
@given(st.lists(st.binary(min_size=20, max_size=20), min_size=2, max_size=8))
def test_texts_sort_as_digests_do(values: list[bytes]) -> None:
    assert [digest.to_text(value) for value in sorted(values)] == sorted(
        map(digest.to_text, values)
    )


@QUICK
@given(st.lists(st.binary(min_size=20, max_size=20), max_size=4), st.integers(0, 130))
def test_many_have_the_texts_that_each_has(values: list[bytes], times: int) -> None:
    many = values * times
    assert list(digest.to_texts(many)) == [digest.to_text(value) for value in many]


@pytest.mark.parametrize("at", [0, 300])
def test_one_of_another_size_among_many_has_no_text(at: int) -> None:
    many = [b"x" * 20] * 600
    many[at] = b"x" * 21
    with pytest.raises(FormatError):
        list(digest.to_texts(many))


@pytest.mark.parametrize(
    "text",
    [
        "",
        *("0" * 31 + end for end in ("", "00", "e", "A", "\n", "0\n", "=", "\N{DIGIT ZERO}0", "é")),
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(FormatError):
        digest.from_text(text)


@pytest.mark.parametrize("size", [0, 19, 21, 32])
def test_other_sizes_have_no_text(size: int) -> None:
    with pytest.raises(FormatError):
        digest.to_text(b"x" * size)


def test_the_most_significant_bits_come_first() -> None:
    assert digest.to_text(b"\x08" + b"\0" * 19) == "1" + "0" * 31
    assert digest.to_text(b"\0" * 19 + b"\x01") == "0" * 31 + "1"
    assert digest.to_text(b"\xff" * 20) == "z" * 32


def test_the_alphabet_leaves_out_four_letters() -> None:
    assert len(ALPHABET) == len(set(ALPHABET)) == 32
    assert not set("eotu") & set(ALPHABET)


@QUICK
@given(st.binary(max_size=100))
def test_no_two_kinds_agree_on_the_same_data(data: bytes) -> None:
    found = [digest.keyed(kind, data) for kind in DigestKind] + [digest.file_digest(data)]
    assert len(set(found)) == len(found)
    assert all(len(value) == 32 for value in found)


@QUICK
@given(st.binary(min_size=1, max_size=60), st.data())
def test_one_changed_bit_changes_the_digest(data: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data) * 8 - 1))
    other = bytearray(data)
    other[at // 8] ^= 1 << at % 8
    for kind in DigestKind:
        assert digest.keyed(kind, data) != digest.keyed(kind, bytes(other))


def test_a_hasher_fed_in_parts_agrees() -> None:
    data = bytes(range(256)) * 9
    for size in (1, 7, 1024):
        hasher = digest.file_hasher()
        for start in range(0, len(data), size):
            hasher.update(data[start : start + size])
        assert hasher.digest() == digest.file_digest(data)


@QUICK
@given(st.lists(st.binary(min_size=20, max_size=20), max_size=5), st.sampled_from(["", "e" * 32]))
def test_many_texts_are_read_as_one_by_one(values: list[bytes], wrong: str) -> None:
    texts = list(map(digest.to_text, values))
    assert digest.from_texts(texts) == values
    with pytest.raises(FormatError):
        digest.from_texts([*texts, wrong])


@QUICK
@given(st.sampled_from(DigestKind), st.lists(st.binary(max_size=3000), max_size=5))
def test_many_have_the_digests_that_each_has(kind: DigestKind, values: list[bytes]) -> None:
    assert digest.keyed_all(kind, values) == [digest.keyed(kind, value) for value in values]
