"""Builds that caches are asked for by their keys: others go on meanwhile."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import Any, cast

import pytest

from store.scheduler.key_search import KeySearch
from store.scheduler.substitution import Substitution
from store.system.steps import SteppedWork, Steps, finish


class Pipe:
    """A pipe that becomes readable with an answer."""

    def __init__(self) -> None:
        self.out, self.into = os.pipe()

    def fileno(self) -> int:
        return self.out

    def answer(self) -> None:
        os.write(self.into, b"!")


class SlowCaches:
    """Caches that answer when a test lets them."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, ...]] = []
        self.pipes: list[Pipe] = []
        self.ended = 0

    def fill_by_key(self, nodes: Collection[bytes], *_: object) -> Steps[None]:
        self.asked.append(tuple(nodes))
        self.pipes.append(Pipe())
        try:
            yield self.pipes[-1]
        finally:
            self.ended += 1


@pytest.fixture
def caches() -> SlowCaches:
    return SlowCaches()


@pytest.fixture
def search(caches: SlowCaches) -> Iterator[KeySearch]:
    found = KeySearch(cast(Substitution, caches), cast(Any, None), cast(Any, None))
    yield found
    found.close()


def test_nodes_are_held_until_their_answer_is_here(search: KeySearch, caches: SlowCaches) -> None:
    search.add([b"one", b"two"])
    search.step(0.0)
    assert set(search.held) == {b"one", b"two"}
    caches.pipes[0].answer()
    search.step(0.0)
    assert not search.held


def test_a_batch_waits_for_the_one_before_and_no_node_is_asked_for_twice(
    search: KeySearch, caches: SlowCaches
) -> None:
    search.add([b"one"])
    search.add([b"one", b"two"])
    search.add([b"three"])
    assert caches.asked == [(b"one",)]
    assert set(search.held) == {b"one", b"two", b"three"}
    caches.pipes[0].answer()
    search.step(0.0)
    assert caches.asked == [(b"one",), (b"two", b"three")]
    assert set(search.held) == {b"two", b"three"}


def test_the_end_of_a_run_ends_the_search(search: KeySearch, caches: SlowCaches) -> None:
    search.add([b"one"])
    search.close()
    assert caches.ended == 1


def test_waiting_for_all_of_it_is_one_call() -> None:
    pipes = [Pipe(), Pipe()]
    idle = iter(pipes)

    def steps() -> Steps[str]:
        yield from pipes
        return "done"

    assert finish(steps(), 0.01, lambda: next(idle).answer()) == "done"


def test_an_error_while_it_waits_closes_it() -> None:
    closed = []

    def steps() -> Steps[None]:
        try:
            yield Pipe()
        finally:
            closed.append(True)

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finish(steps(), 0.01, interrupted)
    assert closed


def test_work_that_waits_for_nothing_has_ended() -> None:
    def steps() -> Steps[int]:
        return 3
        yield Pipe()

    work = SteppedWork(steps())
    assert (work.ended, work.value, work.step(0.0)) == (True, 3, False)
