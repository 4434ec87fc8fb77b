"""Following an action through failures, and cancelling it, whatever is known of it by then."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from store.errors import ServerUnusable
from store.reapi import action_run, status
from store.reapi.action_run import ActionRun
from store.reapi.blob import BlobDigest, Message
from store.reapi.channel import CallFailed, Channel
from store.reapi.messages import message
from store.reapi.process_messages import ExecutionEnd, ExecutionStage


class FakeChannel(Channel):
    """A server that names an operation when it is let, and goes on until it is cancelled."""

    instance = ""

    def __init__(self, *, slow: float = 0.0) -> None:
        self.may_name = threading.Event()
        self.executed = threading.Event()
        self.cancelled: list[str] = []
        self._ended = threading.Event()
        self._slow = slow

    def stream(
        self, name: str, request: Message, *, silent: float | None = None
    ) -> Iterator[Message]:
        assert name == "Execution.Execute"
        self.executed.set()
        self.may_name.wait()
        yield message("google.longrunning.Operation")(name="one")
        self._ended.wait()
        raise CallFailed("PERMISSION_DENIED", "it was cancelled")

    def unary(self, name: str, request: Any, *, timeout: float = 0) -> Message:
        time.sleep(self._slow)
        self.cancelled.append(request.name)
        self._ended.set()
        return request

    def unusable(self, error: CallFailed) -> ServerUnusable:
        return ServerUnusable(error.message)


def followed(channel: FakeChannel) -> tuple[ActionRun, threading.Thread]:
    run = ActionRun(channel, BlobDigest("0" * 64, 1), skip_cache=False)

    def follow() -> None:
        with pytest.raises(ServerUnusable):
            list(run.follow())

    thread = threading.Thread(target=follow)
    thread.start()
    return run, thread


class ScriptedChannel(FakeChannel):
    """A server whose calls each name an operation, or not, and then fail, or end it."""

    def __init__(self, *calls: tuple[str, str | None]) -> None:
        super().__init__()
        self.calls = list(calls)
        self.names: list[str] = []

    def stream(
        self, name: str, request: Message, *, silent: float | None = None
    ) -> Iterator[Message]:
        self.names.append(name.rpartition(".")[2])
        operation, failure = self.calls.pop(0)
        if operation:
            yield message("google.longrunning.Operation")(name=operation)
        if failure is not None:
            raise CallFailed(failure, "why")
        ended = message("google.longrunning.Operation")(name=operation, done=True)
        ended.response.Pack(message("ExecuteResponse")())
        yield ended


def scripted(
    monkeypatch: pytest.MonkeyPatch, *calls: tuple[str, str | None]
) -> tuple[list[str], ExecutionStage | ExecutionEnd]:
    """The methods that were called, and the last thing that came."""
    monkeypatch.setattr(action_run, "RECONNECTS", (0.0, 0.0))
    channel = ScriptedChannel(*calls)
    run = ActionRun(channel, BlobDigest("0" * 64, 1), skip_cache=False)
    return channel.names, list(run.follow())[-1]


@pytest.mark.parametrize("failure", ["NOT_FOUND", "INVALID_ARGUMENT", "UNKNOWN", "INTERNAL"])
def test_an_action_that_a_server_forgot_is_begun_again(
    monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    names, last = scripted(monkeypatch, ("one", "UNAVAILABLE"), ("", failure), ("two", None))
    assert names == ["Execute", "WaitExecution", "Execute"]
    assert isinstance(last, ExecutionEnd) and last.code == 0


@pytest.mark.parametrize("failure", ["UNAVAILABLE", "INTERNAL", "UNKNOWN"])
def test_an_action_that_a_server_knows_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    cut = ("one", failure)
    names, _ = scripted(monkeypatch, cut, cut, cut, cut, ("one", None))
    assert names == ["Execute", *["WaitExecution"] * 4]


def test_a_server_that_is_away_for_a_while_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    away = ("", "UNAVAILABLE")
    names, _ = scripted(monkeypatch, ("one", "UNAVAILABLE"), away, ("one", None))
    assert names == ["Execute", "WaitExecution", "WaitExecution"]
    with pytest.raises(ServerUnusable):
        scripted(monkeypatch, away, away, away)


@pytest.mark.parametrize("failure", ["FAILED_PRECONDITION", "NOT_FOUND"])
def test_an_action_of_which_parts_are_missing_can_be_sent_again(
    monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    _, last = scripted(monkeypatch, ("", failure))
    assert last == ExecutionEnd(b"", status.FAILED_PRECONDITION, f"why ({failure})")


def test_an_action_is_cancelled_by_the_name_that_comes_later() -> None:
    channel = FakeChannel()
    run, thread = followed(channel)
    channel.executed.wait()
    threading.Timer(0.1, channel.may_name.set).start()
    assert run.cancel()
    thread.join(10)
    assert channel.cancelled == ["one"]


def test_a_second_cancellation_waits_for_the_first() -> None:
    channel = FakeChannel(slow=0.2)
    channel.may_name.set()
    run, thread = followed(channel)
    while not run.operation:
        time.sleep(0.01)
    first = threading.Thread(target=run.cancel)
    first.start()
    while run.operation:
        time.sleep(0.01)
    assert not run.cancel()
    assert channel.cancelled == ["one"]
    first.join()
    thread.join(10)


def test_an_action_that_was_cancelled_is_never_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.reapi.action_run.CANCEL", 60.0)
    channel = FakeChannel()
    run = ActionRun(channel, BlobDigest("0" * 64, 1), skip_cache=False)
    began = time.monotonic()
    assert not run.cancel()
    assert time.monotonic() - began < 30
    with pytest.raises(ServerUnusable):
        list(run.follow())
    assert not channel.executed.is_set()
