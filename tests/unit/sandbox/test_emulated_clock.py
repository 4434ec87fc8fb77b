"""Clocks that are ahead, and clocks that stand still until somebody has waited enough."""

from __future__ import annotations

import pytest

from store.sandbox.emulated_clock import PATIENCE, SECOND, ClockAhead, StoppedClock

NOW = 1_800_000_000 * SECOND


def test_a_clock_ahead_differs_by_the_same_for_everybody_and_for_what_is_waited_for() -> None:
    clock = ClockAhead(5)
    assert clock.tell(1, NOW) == clock.tell(2, NOW) == NOW + 5 * SECOND
    assert clock.deadline(1, NOW + 6 * SECOND, NOW) == NOW + SECOND
    clock.reached(1, NOW + 60 * SECOND)
    assert clock.tell(1, NOW + 7) == NOW + 5 * SECOND + 7


def test_a_stopped_clock_stands_still_for_every_thread() -> None:
    clock = StoppedClock(86400)
    looks = {clock.tell(thread, NOW + look) for look in range(PATIENCE) for thread in (1, 2)}
    assert looks == {86400 * SECOND}


def test_a_thread_that_keeps_looking_sees_time_pass_and_others_do_not() -> None:
    clock = StoppedClock(100)
    for _ in range(PATIENCE):
        clock.tell(1, NOW)
    assert [clock.tell(1, NOW) for _ in range(3)] == [101 * SECOND, 102 * SECOND, 103 * SECOND]
    assert clock.tell(2, NOW) == 100 * SECOND
    clock.forget(1)
    assert clock.tell(1, NOW) == 100 * SECOND


def test_a_loop_that_looks_from_another_thread_each_time_comes_to_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("store.sandbox.emulated_clock.COMMON_PATIENCE", 1000)
    clock = StoppedClock(100)
    for look in range(1000):
        clock.tell(look, NOW)
        clock.forget(look)
    assert clock.tell(-1, NOW) == 101 * SECOND
    assert clock.tell(-2, NOW) == 102 * SECOND


def test_a_deadline_is_as_far_away_as_it_looks_and_stays_there_when_interrupted() -> None:
    clock = StoppedClock(100)
    assert clock.tell(1, NOW) == 100 * SECOND
    first = clock.deadline(1, 103 * SECOND, NOW)
    assert first == NOW + 3 * SECOND
    assert clock.deadline(1, 103 * SECOND, NOW + SECOND) == first
    assert clock.deadline(1, 99 * SECOND, NOW) == NOW - SECOND


def test_a_thread_that_has_waited_finds_the_clock_there() -> None:
    clock = StoppedClock(100)
    clock.deadline(1, 103 * SECOND, NOW)
    clock.reached(1, 103 * SECOND)
    assert clock.tell(1, NOW + 3 * SECOND) == 103 * SECOND
    assert clock.deadline(1, 104 * SECOND, NOW + 3 * SECOND) == NOW + 4 * SECOND
    assert clock.tell(2, NOW) == 100 * SECOND
