"""Progress of long looks at a store, on a terminal and elsewhere."""

from __future__ import annotations

import io

import pytest

from store.cli.counting import LINE_SECONDS, Counting


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in its only item."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_a_log_has_a_line_now_and_then(clock: list[float]) -> None:
    stream = io.StringIO()
    counting = Counting(stream)
    for done in range(0, 1000, 10):
        counting("object", done, 1000)
        clock[0] += LINE_SECONDS / 40
    counting.erase()
    assert stream.getvalue().splitlines() == ["400 of 1000 objects", "800 of 1000 objects"]


def test_a_terminal_has_one_line_that_gives_way(clock: list[float]) -> None:
    stream = Terminal()
    counting = Counting(stream)
    counting("holder", 1, 1000)
    assert stream.getvalue() == ""
    clock[0] += 1
    counting("holder", 999, 1000)
    clock[0] += 1
    counting("holder", 1, 1)
    counting.erase()
    counting.erase()
    first, second = "999 of 1000 holders", "1 of 1 holder"
    assert stream.getvalue() == (f"{first}\r{' ' * len(first)}\r{second}\r{' ' * len(second)}\r")


def test_a_narrow_terminal_has_no_more_than_a_line(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    counting = Counting(stream)
    clock[0] += 1
    counting("object", 100_000, 1_000_000)
    assert stream.getvalue() == "100000 of 1000000 o"
