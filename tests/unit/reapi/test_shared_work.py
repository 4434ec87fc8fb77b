"""Work is done once for all threads that want it at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from store.reapi.shared_work import SharedWork


def test_those_who_come_meanwhile_wait_for_the_first() -> None:
    shared, begun, go = SharedWork(), threading.Event(), threading.Event()
    done: list[str] = []

    def work(name: str) -> str:
        begun.set()
        assert go.wait(30)
        done.append(name)
        return name

    with ThreadPoolExecutor() as pool:
        first = pool.submit(shared.get, "key", lambda: work("first"))
        assert begun.wait(30)
        second = pool.submit(shared.get, "key", lambda: work("second"))
        assert shared.get("other key", lambda: "other") == "other"
        go.set()
        assert (first.result(), second.result(), done) == ("first", "first", ["first"])


def test_a_value_is_kept_until_it_is_wanted_again() -> None:
    shared, values = SharedWork(), iter(range(9))
    found = [shared.get("key", lambda: next(values), again=again) for again in (False, False, True)]
    assert found == [0, 0, 1]


def test_an_error_is_not_kept() -> None:
    def failing() -> str:
        raise ValueError("no")

    shared = SharedWork()
    with pytest.raises(ValueError, match="no"):
        shared.get("key", failing)
    assert shared.get("key", lambda: "value") == "value"
