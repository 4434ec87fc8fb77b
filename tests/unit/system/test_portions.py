"""Work on many things, by one process and by several."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

from store.system import parallel as crew
from store.system.portions import each


@pytest.mark.parametrize("count", [0, 1, 5, 6, 7, 100])
def test_answers_are_in_the_order_of_the_items(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "hands", lambda: 3)

    def work(items: Sequence[int]) -> list[tuple[int, int]]:
        return [(item * item, os.getpid()) for item in items]

    found = each(work, range(count), 3)
    assert [square for square, _ in found] == [item * item for item in range(count)]
    assert len({pid for _, pid in found}) == min(max(count // 3, 1), 3, max(count, 0))
