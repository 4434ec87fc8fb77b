"""Results that are on disk and not in the index yet.

Each transaction of the index waits for the disk. Where small builds end one after another, and
others can begin meanwhile, their results are written together.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from store.jobs.executor import Task
from store.model.result import Result

LATEST: Final = 0.1
"""Seconds for which a result waits for others at most."""


class PendingResults:
    """Tasks with their results, in the order in which they ended."""

    def __init__(self) -> None:
        self._made: list[tuple[Task, Result]] = []
        self._since = 0.0

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._made)

    def add(self, task: Task, result: Result) -> None:
        """Take one more."""
        if not self._made:
            self._since = time.monotonic()
        self._made.append((task, result))

    def due(self, *, others: bool) -> bool:
        """Return whether they are to be registered now. ``others`` says that tasks are at work, and
        more can begin without these results."""
        if not self._made:
            return False
        return not others or time.monotonic() - self._since >= LATEST

    def in_order(self) -> Sequence[tuple[Task, Result]]:
        """Return all of them."""
        return tuple(self._made)

    def pop(self) -> tuple[Task, Result]:
        """Take the first one out."""
        return self._made.pop(0)
