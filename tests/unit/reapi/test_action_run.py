"""Cancelling an action, whatever is known of it by then."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from store.errors import ServerUnusable
from store.reapi.action_run import ActionRun
from store.reapi.blob import BlobDigest, Message
from store.reapi.channel import CallFailed, Channel
from store.reapi.messages import message


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
