"""Bounded fuzzing: random bytes, and examples that are damaged in the ways that bytes are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS
from tests.fuzz.within import within

EXAMPLES = 150
SLOW = {"unpack": 40, "members": 80}


def damaged(whole: list[bytes]) -> st.SearchStrategy[bytes]:
    """Bytes cut out, put in, written over or doubled in one of the examples."""
    places = st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=12))
    return st.builds(_damage, st.sampled_from(whole), st.lists(places, min_size=1, max_size=4))


def _damage(data: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    for where, length, fresh in changes:
        at = int(where * len(data))
        data = data[:at] + fresh + data[at + length :]
    return data


@pytest.mark.parametrize("name", list(TARGETS))
def test_its_examples_are_taken(name: str) -> None:
    target = TARGETS[name]
    assert target.examples()
    assert all(target.accepts(data) for data in target.examples())


FOUND = [
    ("apt", b"deb http://localhost[ main\nTypes: deb\nURIs: http://a[\n"),
    ("html-index", b'<a href="//h]%10">'),
    ("html-index", b'<base href="//["><a href="hello-1.0.tar.gz">'),
    ("json-index", b'{"files": [{"url": "//[/hello-1.0.tar.gz"}]}'),
    ("unpack-options", b"include=a[n-c]"),
    ("unpack-options", b"nested=[b-a]"),
]
"""The finds of longer runs led by coverage, cut down."""


@pytest.mark.parametrize(("name", "data"), FOUND)
def test_what_was_found_once_is_a_value_or_an_error_of_its_own(name: str, data: bytes) -> None:
    TARGETS[name].accepts(data)


@pytest.mark.parametrize("name", list(TARGETS))
def test_any_bytes_are_a_value_or_one_of_its_own_errors(name: str) -> None:
    target = TARGETS[name]
    count = SLOW.get(name, EXAMPLES)

    @settings(
        max_examples=count,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
    )
    @given(st.binary(max_size=200) | damaged(target.examples()))
    @example(b"")
    def run(data: bytes) -> None:
        target.accepts(data)

    tried: Callable[[], None] = run
    within(tried, seconds=120)
