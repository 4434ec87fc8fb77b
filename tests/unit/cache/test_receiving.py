"""Receiving contents: as many connections as help, and no more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import cast

from store.cache.offering import Piece
from store.cache.receiving import THREADS, Receiver, RunToTake
from store.cache.staged_pull import StagedPull


@dataclass
class EmptyRun:
    """A run without contents, that takes as long as ``wait`` does."""

    wait: Callable[[], object]
    size: int = 0

    def parts(self) -> Iterator[Iterable[Piece]]:
        for _ in range(8):
            self.wait()
            yield ()


def receive(*runs: EmptyRun) -> None:
    staged = cast(StagedPull, None)  # nothing comes for it
    receiver = Receiver(lambda cache: True, lambda cache, error: None, lambda got: None)
    receiver.receive([RunToTake(0, run, staged, {}) for run in runs])


def test_a_cache_that_is_far_gets_all_connections() -> None:
    together = threading.Barrier(THREADS)
    receive(*[EmptyRun(lambda: together.wait(10))] * THREADS)


def test_a_cache_that_is_near_gets_a_few() -> None:
    used = set[int]()

    def wait() -> None:
        used.add(threading.get_ident())
        time.sleep(0.001)

    receive(*[EmptyRun(wait)] * 40)
    assert len(used) < THREADS
