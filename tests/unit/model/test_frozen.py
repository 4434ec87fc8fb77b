"""Frozen values behave as those of ``dataclasses``."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from store.model.derivation import Derivation, Ref, Source
from store.model.frozen import computed_property, frozen


@frozen(order=True)
class Ours:
    """As :class:`Theirs`."""

    name: str
    size: int = 3

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError(self.size)


@dataclasses.dataclass(frozen=True, order=True)
class Theirs:
    """As :class:`Ours`."""

    name: str
    size: int = 3


SOURCE = Source("a.tar", "0" * 64, ("https://a.example/a.tar",))


def test_values_are_equal_and_hashed_by_their_fields() -> None:
    assert Ours("a") == Ours("a", size=3)
    assert hash(Ours("a")) == hash(Ours(name="a")) == hash(Theirs("a"))
    assert Ours("a") != Ours("b")
    others: list[object] = [Theirs("a"), ("a", 3)]
    assert all(Ours("a") != other for other in others)


def test_a_field_apart_does_not_count() -> None:
    other = dataclasses.replace(SOURCE, locators=("https://b.example/a.tar",))
    assert other == SOURCE
    assert hash(other) == hash(SOURCE)
    assert other.locators != SOURCE.locators


def test_values_are_shown_as_dataclasses_are() -> None:
    assert repr(Ours("a\n")) == repr(Theirs("a\n")).replace("Theirs", "Ours")


def test_values_are_ordered_by_their_fields() -> None:
    assert sorted([Ours("b"), Ours("a", 4), Ours("a")]) == [Ours("a"), Ours("a", 4), Ours("b")]
    assert Ours("a") <= Ours("a") < Ours("b") and Ours("b") >= Ours("b") > Ours("a")
    with pytest.raises(TypeError):
        assert Ours("a") < Theirs("a")  # type: ignore[operator]
    with pytest.raises(TypeError):
        sorted([SOURCE, SOURCE])  # type: ignore[type-var]


@pytest.mark.parametrize(
    "change", [lambda it: setattr(it, "name", "b"), lambda it: delattr(it, "name")]
)
def test_a_field_cannot_be_changed(change: Any) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        change(Ours("a"))


@pytest.mark.parametrize("words", [(), ("a", 1, 2)])
def test_a_value_needs_the_fields_that_it_has(words: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        Ours(*words)
    with pytest.raises(TypeError):
        Ours("a", none=1)  # type: ignore[call-arg]


def test_a_value_is_checked_where_it_is_made() -> None:
    with pytest.raises(ValueError, match="-1"):
        Ours("a", -1)
    with pytest.raises(ValueError, match="-1"):
        dataclasses.replace(Ours("a"), size=-1)


def test_what_takes_dataclasses_takes_values() -> None:
    kind: Any = Ours
    assert dataclasses.is_dataclass(kind)
    assert dataclasses.asdict(Ours("a")) == {"name": "a", "size": 3}
    assert [field.name for field in dataclasses.fields(Derivation)][:2] == ["name", "system"]
    apart = [field.name for field in dataclasses.fields(Source) if not field.compare]
    assert apart == ["locators"]
    assert dataclasses.fields(Derivation)[0] is dataclasses.fields(Derivation)[0]  # made once
    match Ours("a"):
        case Ours(name, size):
            assert (name, size) == ("a", 3)


def test_a_property_is_computed_property() -> None:
    computed: list[str] = []

    class Named:
        @computed_property
        def name(self) -> str:
            """Return a name."""
            computed.append("a")
            return "a"

    value = Named()
    assert (value.name, value.name, computed) == ("a", "a", ["a"])
    assert (Named().name, len(computed)) == ("a", 2)
    assert Named.name.__doc__ == "Return a name."


@pytest.mark.parametrize("it", [Ours("a"), SOURCE, SOURCE.ref(), Ref(bytes(32), "out", "a")])
def test_values_are_copied_and_sent(it: object) -> None:
    assert pickle.loads(pickle.dumps(it)) == it
    assert copy.deepcopy(it) == it
