"""The bound on the seconds for which one cache holds a run up."""

from __future__ import annotations

import os

from store.system.patience import Patience


def test_seconds_that_several_wait_count_once() -> None:
    patience = Patience(10.0)
    assert all(patience.spend(100.0, 106.0) for _ in range(16))
    assert patience.spend(103.0, 110.0)
    assert not patience.spend(110.0, 110.5)
    assert not patience.spend(200.0, 201.0)


def test_a_wait_that_is_too_long_is_not_begun() -> None:
    patience = Patience(10.0)
    assert not patience.pause(11.0)
    assert patience.pause(0.0)


def test_what_a_fork_waited_counts_here() -> None:
    patience = Patience(10.0)
    child = os.fork()
    if not child:
        os._exit(0 if patience.spend(0.0, 9.0) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not patience.spend(20.0, 22.0)
    assert patience.spend(20.0, 21.0)
