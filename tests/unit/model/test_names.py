"""Names that are allowed, and their texts."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import FormatError, InvalidName
from store.model.names import ObjectId, check_name, check_names, check_output, texts
from tests.unit.model.strategies import NAMES

WRONG = ["", ".", ".a", "a b", "a/b", "a\n", "\n", "é", "a" * 201, "a\0", "\N{DIGIT ONE}\u0661"]


@pytest.mark.parametrize("name", ["a", "-", "A.", "0" * 200, "gcc-14.2.0+git_x=y?"])
def test_what_can_name_an_object_does(name: str) -> None:
    assert check_name(name) == name
    check_names([name, "b", name])


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_name_an_object_is_refused_alone_and_among_others(name: str) -> None:
    with pytest.raises(InvalidName):
        check_name(name)
    for among in ([name], [name, "b"], ["b", name, "c"], ["b", name]):
        with pytest.raises(InvalidName):
            check_names(among)


@given(st.lists(st.text(max_size=5) | NAMES, max_size=5))
def test_many_are_refused_just_when_one_of_them_is(names: list[str]) -> None:
    refused = False
    for name in names:
        try:
            check_name(name)
        except InvalidName:
            refused = True
    with pytest.raises(InvalidName) if refused else nullcontext():
        check_names(names)


@pytest.mark.parametrize("name", ["", "Out", "0ut", "_", "a-b", "é", "a" * 33, "a\n"])
def test_what_cannot_name_an_output_is_refused(name: str) -> None:
    with pytest.raises(InvalidName):
        check_output(name)


def test_an_objects_digest_has_twenty_bytes() -> None:
    with pytest.raises(FormatError):
        ObjectId(b"x" * 19, "a")


def test_objects_are_ordered_by_digest_then_name() -> None:
    low, high = b"a" * 20, b"b" * 20
    ordered = [ObjectId(low, "a"), ObjectId(low, "b"), ObjectId(high, "a")]
    assert sorted([ordered[2], ordered[1], ordered[0]]) == ordered
    assert len({*ordered, ObjectId(low, "a")}) == 3


def test_many_are_written_as_each_is() -> None:
    oids = [ObjectId(bytes([number]) * 20, f"n{number}") for number in range(3)]
    assert texts([oid.digest for oid in oids], [oid.name for oid in oids]) == list(map(str, oids))
