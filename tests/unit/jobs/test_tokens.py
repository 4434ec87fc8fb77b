"""The pool of processor tokens, and jobserver them to builds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.jobs import tokens as tokens_module
from store.jobs.tokens import TURN, Jobserver, TokenPool, balance
from tests.unit.jobs.conftest import ManualClock


def pool(tmp_path: Path, size: int) -> TokenPool:
    return TokenPool(str(tmp_path / "tokens"), size)


def take(jobserver: Jobserver, count: int) -> None:
    """Return what make does when it starts ``count`` more processes."""
    assert os.read(jobserver.pipe[0], count) == b"+" * count


def test_two_pools_share_their_tokens(tmp_path: Path) -> None:
    ours, theirs = pool(tmp_path, 2), pool(tmp_path, 2)
    assert ours.take()
    assert theirs.take()
    assert not ours.take()
    theirs.give()
    assert ours.take()
    assert ours.held == 2


def test_a_lone_build_is_lent_every_token_as_it_uses_them(tmp_path: Path) -> None:
    tokens, jobserver = pool(tmp_path, 4), Jobserver()
    tokens.take()
    used = 0
    for _ in range(6):
        balance(tokens, [jobserver], waiting=False)
        used += jobserver.idle
        take(jobserver, jobserver.idle) if jobserver.idle else None
    assert used == 3
    assert tokens.held == 4


def test_an_idle_token_goes_to_a_build_that_could_start(tmp_path: Path) -> None:
    tokens, jobserver = pool(tmp_path, 2), Jobserver()
    tokens.take()
    balance(tokens, [jobserver], waiting=False)
    assert tokens.held == 2
    balance(tokens, [jobserver], waiting=True)
    assert (tokens.held, jobserver.idle, jobserver.lent) == (1, 0, 0)


def test_a_token_in_use_is_not_taken_back(tmp_path: Path) -> None:
    tokens, jobserver = pool(tmp_path, 2), Jobserver()
    tokens.take()
    balance(tokens, [jobserver], waiting=False)
    take(jobserver, 1)
    balance(tokens, [jobserver], waiting=True)
    assert tokens.held == 2
    assert jobserver.lent == 1


def test_an_idle_token_moves_to_a_hungry_build(tmp_path: Path) -> None:
    tokens, idle, hungry = pool(tmp_path, 3), Jobserver(), Jobserver()
    tokens.take(), tokens.take()
    balance(tokens, [idle], waiting=False)
    assert idle.idle == 1
    balance(tokens, [idle, hungry], waiting=False)
    assert (idle.idle, hungry.idle) == (0, 1)


def test_a_token_goes_to_another_process_that_waits_for_one(tmp_path: Path) -> None:
    ours, theirs, jobserver = pool(tmp_path, 2), pool(tmp_path, 2), Jobserver()
    ours.take()
    balance(ours, [jobserver], waiting=False)
    take(jobserver, 1)
    assert not theirs.take()
    theirs.wait(True)
    assert balance(ours, [jobserver], waiting=False) == [jobserver], (
        "to be taken back once it is idle"
    )
    os.write(jobserver.pipe[1], b"+")
    balance(ours, [jobserver], waiting=False)
    assert (ours.held, jobserver.lent) == (1, 0)
    assert theirs.take()
    theirs.wait(False)
    assert balance(ours, [jobserver], waiting=False) == []


def test_who_gave_a_token_back_leaves_it_for_a_moment_to_who_waits(
    clock: ManualClock, tmp_path: Path
) -> None:
    clock.drive(tokens_module)
    ours, theirs = pool(tmp_path, 1), pool(tmp_path, 1)
    ours.take()
    ours.give()
    assert ours.take(), "nobody waits"
    theirs.wait(True)
    ours.give()
    assert not ours.take()
    clock.pass_time(2 * TURN)
    assert ours.take(), "who waits may be stopped"
    ours.give()
    theirs.close()
    assert ours.take(), "nobody waits any more"


def test_two_that_wait_for_each_other_both_get_a_token(clock: ManualClock, tmp_path: Path) -> None:
    clock.drive(tokens_module)
    ours, theirs = pool(tmp_path, 2), pool(tmp_path, 2)
    assert ours.take() and theirs.take()
    for each in (ours, theirs):
        each.give()
        each.wait(True)
    assert ours.take() and theirs.take()


def test_the_lowest_token_is_left_to_who_may_use_fewer(clock: ManualClock, tmp_path: Path) -> None:
    clock.drive(tokens_module)
    many, one = pool(tmp_path, 3), pool(tmp_path, 1)
    assert many.take()
    one.wait(True)
    many.give()
    assert many.take()
    assert one.take()


def test_a_token_is_left_for_one_turn(clock: ManualClock, tmp_path: Path) -> None:
    clock.drive(tokens_module)
    ours, theirs = pool(tmp_path, 1), pool(tmp_path, 1)
    assert ours.take()
    theirs.wait(True)
    ours.give()
    assert not ours.take()
    assert theirs.take()
    ours.wait(True)
    theirs.give()
    assert not theirs.take(), "it is our turn"
    assert ours.take(), "they still wait, and have had theirs"


def test_a_process_that_may_use_fewer_tokens_gets_one_too(tmp_path: Path) -> None:
    many, one = pool(tmp_path, 2), pool(tmp_path, 1)
    assert many.take() and many.take()
    many.give()
    assert one.take()


def test_what_a_build_was_lent_comes_back_when_it_ends(tmp_path: Path) -> None:
    tokens, jobserver = pool(tmp_path, 2), Jobserver()
    tokens.take()
    balance(tokens, [jobserver], waiting=False)
    take(jobserver, 1)
    tokens.give(jobserver.close())
    tokens.give()
    assert tokens.held == 0


def test_a_builder_cannot_coin_tokens_or_block_us(tmp_path: Path) -> None:
    tokens, jobserver = pool(tmp_path, 2), Jobserver()
    tokens.take()
    os.set_blocking(jobserver.pipe[1], False)
    try:
        while True:
            os.write(jobserver.pipe[1], b"x" * 4096)
    except BlockingIOError:
        pass
    assert jobserver.lend() is False
    balance(tokens, [jobserver], waiting=True)
    balance(tokens, [jobserver], waiting=False)
    assert tokens.held == 1
    assert jobserver.close() == 0


def test_a_build_that_keeps_its_tokens_does_not_keep_others_waiting(
    clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.drive(tokens_module)
    monkeypatch.setattr(tokens_module, "PATIENCE", 0.2)
    tokens, thief = pool(tmp_path, 4), Jobserver()
    tokens.take()
    for _ in range(4):
        balance(tokens, [thief], waiting=False)
        take(thief, thief.idle) if thief.idle else None
    assert (tokens.held, thief.lent) == (4, 3)
    balance(tokens, [thief], waiting=True)
    assert tokens.held == 4, "it is asked first"
    clock.pass_time(0.25)
    balance(tokens, [thief], waiting=True)
    assert (tokens.held, thief.lent) == (3, 2)
    assert tokens.take(), "the build that waited"
    balance(tokens, [thief], waiting=False)
    tokens.give()
    balance(tokens, [thief], waiting=False)
    assert (tokens.held, thief.idle) == (3, 0), "nothing more is lent to it"
    os.write(thief.pipe[1], b"+")
    balance(tokens, [thief], waiting=False)
    assert (thief.written_off, thief.idle) == (0, 0), "it has paid"
    assert thief.close() == 2


def test_who_gives_back_is_given_time(
    clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.drive(tokens_module)
    monkeypatch.setattr(tokens_module, "PATIENCE", 0.2)
    tokens, jobserver = pool(tmp_path, 4), Jobserver()
    tokens.take()
    for _ in range(4):
        balance(tokens, [jobserver], waiting=False)
        take(jobserver, jobserver.idle) if jobserver.idle else None
    for left in (2, 1, 0):
        balance(tokens, [jobserver], waiting=True)
        clock.pass_time(0.15)
        os.write(jobserver.pipe[1], b"+")
        balance(tokens, [jobserver], waiting=True)
        assert (jobserver.lent, jobserver.written_off) == (left, 0)


@pytest.mark.parametrize("stuffed", [1, 5, 4096])
def test_tokens_of_a_builders_own_making_are_bounded_by_what_was_lent(
    tmp_path: Path, stuffed: int
) -> None:
    tokens, jobserver = pool(tmp_path, 4), Jobserver()
    tokens.take()
    for _ in range(4):
        balance(tokens, [jobserver], waiting=False)
        take(jobserver, jobserver.idle) if jobserver.idle else None
    os.write(jobserver.pipe[1], b"+" * stuffed)
    for _ in range(9):
        balance(tokens, [jobserver], waiting=True)
    assert tokens.held >= 1
    assert jobserver.lent == max(0, 3 - stuffed)
    assert jobserver.close() == jobserver.lent + max(0, 3 - stuffed)
