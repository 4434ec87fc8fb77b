"""Differences between generations have a kind for each way in which a package changed."""

from __future__ import annotations

from store.model.names import ObjectId
from store.profiles.comparison import compare
from store.profiles.installed import Installed
from tests.unit.profiles.test_installed import HELLO, PAIR


def kinds(before: Installed, after: Installed) -> dict[str, str]:
    """The kind of change of each package that differs."""
    return {change.name: change.kind for change in compare(before, after)}


def test_each_kind_of_change_is_told_apart() -> None:
    both = Installed.of([HELLO, PAIR])
    assert kinds(both, both) == {}
    assert kinds(Installed(), both) == {"hello": "added", "pair": "added"}
    assert kinds(both, Installed.of([PAIR])) == {"hello": "removed"}
    for change, kind in (
        ({"version": "2.11"}, "upgraded"),
        ({"objects": (ObjectId(b"n" * 20, "hello-2.10"),)}, "rebuilt"),
        ({"priority": 1}, "set"),
        ({"request": "hello^out"}, "set"),
    ):
        assert kinds(both, Installed.of([HELLO._replace(**change), PAIR])) == {"hello": kind}


def test_a_change_is_a_record_of_both_sides() -> None:
    (change,) = compare(Installed.of([HELLO]), Installed())
    assert change.to_record() == {
        "change": "removed",
        "name": "hello",
        "before": HELLO.to_record(),
        "after": None,
    }
