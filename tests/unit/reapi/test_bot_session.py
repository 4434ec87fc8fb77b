"""A worker's session with a server that answers at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, cast

import pytest

from store.reapi import bot_session
from store.reapi.blob import Message
from store.reapi.bot_session import GIVEN_BACK, BotSession
from store.reapi.channel import Channel
from store.reapi.messages import message
from store.reapi.process_messages import Leased, LeaseEnd, TakenUp


class Answers:
    """A channel to a server that hands out these leases, one each report; none for an empty name"""

    instance = ""

    def __init__(self, leases: Sequence[str]) -> None:
        self.leases = list(leases)
        self.states: list[int] = []

    def begin(self, name: str, request: Message, timeout: float) -> Any:
        answer = request.bot_session
        self.states.append(answer.status)
        answer.name = "/session"
        del answer.leases[:]
        if lease := self.leases.pop(0):
            answer.leases.add(id=lease, state=2).payload.Pack(message("Action")())
        return answer

    def answer(self, call: Any) -> Message:
        return call


def test_after_the_end_of_a_lease_the_next_is_asked_for_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There was none yet when the end was reported; the server can wait for one."""
    monkeypatch.setattr(bot_session, "SHORT", 5.0)
    session = BotSession(cast(Channel, Answers(["first", "", "second"])), "bot", {})
    leases = session.follow()
    assert isinstance(next(leases), TakenUp)
    began = time.monotonic()
    for name in ("first", "second"):
        found = next(leases)
        assert isinstance(found, Leased)
        assert found.id == name
        session.finish(LeaseEnd(name))
    assert time.monotonic() - began < 4.0


def test_after_a_lease_was_given_back_a_worker_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may not be fit for any: others are to have the next ones."""
    monkeypatch.setattr(bot_session, "RESTS", (0.3, 0.6))
    server = Answers(["one", "", "two", "", "three", ""])
    leases = BotSession(cast(Channel, server), "bot", {})
    found = leases.follow()
    assert isinstance(next(found), TakenUp)
    began = [time.monotonic()]
    for code in (GIVEN_BACK, GIVEN_BACK, 0):
        lease = next(found)
        assert isinstance(lease, Leased)
        began.append(time.monotonic())
        leases.finish(LeaseEnd(lease.id, code=code))
    assert began[2] - began[1] >= 0.3
    assert began[3] - began[2] >= 0.6
    assert server.states == [1, 2, 1, 2, 1]


def test_the_first_end_of_a_lease_counts() -> None:
    session = BotSession(cast(Channel, Answers(["first"])), "bot", {})
    leases = session.follow()
    assert isinstance(next(leases), TakenUp)
    next(leases)
    session.finish(LeaseEnd("first", message("ActionResult")(exit_code=7).SerializeToString()))
    session.finish(LeaseEnd("first", code=GIVEN_BACK))
    assert [each.status.code for each in session._leases.values()] == [0]
