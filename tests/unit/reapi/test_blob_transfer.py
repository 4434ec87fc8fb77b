"""Large blobs in streams: no server takes any time that it likes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from store.errors import ServerUnusable
from store.reapi import blob_transfer
from store.reapi.blob import Message, blob_of
from store.reapi.blob_transfer import BATCH, BlobTransfer
from store.reapi.channel import CallFailed, Channel
from store.reapi.messages import message

LARGE = blob_of(b"x" * (BATCH + 1))


class Clock:
    """The time, which goes on when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class StreamingChannel(Channel):
    """A server that sends ``pieces``, each after some seconds, and then perhaps fails."""

    instance = ""
    name = "grpc://slow.example:1"

    def __init__(self, clock: Clock, piece: bytes, seconds: float, code: str = "") -> None:
        self.clock, self.piece, self.seconds, self.code = clock, piece, seconds, code
        self.calls = 0

    def stream(self, name: str, request: Message, **_: Any) -> Iterator[Message]:
        self.calls += 1
        for _number in range(3 if self.code else 10_000):
            self.clock.now += self.seconds
            yield message("google.bytestream.ReadResponse")(data=self.piece)
        if self.code:
            raise CallFailed(self.code, "it fails")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(blob_transfer, "time", found)
    return found


@pytest.mark.parametrize("piece", [b"", b"x"])
@pytest.mark.parametrize("code", ["", "UNAVAILABLE"])
def test_a_server_that_sends_a_byte_now_and_then_is_left(
    clock: Clock, piece: bytes, code: str
) -> None:
    channel = StreamingChannel(clock, piece, 10.0, code)
    with pytest.raises(ServerUnusable, match=r"less than 1024 bytes a second|it fails"):
        list(BlobTransfer(cast(Channel, channel), 0).read([LARGE.digest]))
    assert clock.now <= 120.0


def test_one_that_is_slow_and_brings_enough_is_used(clock: Clock) -> None:
    channel = StreamingChannel(clock, b"x" * (BATCH // 8), 15.0)
    pieces = BlobTransfer(cast(Channel, channel), 0).read([LARGE.digest])
    assert sum(len(each.data) for each in pieces) == BATCH


def test_a_silent_server_is_asked_once(clock: Clock) -> None:
    channel = StreamingChannel(clock, b"x" * 50_000, 1.0, "DEADLINE_EXCEEDED")
    with pytest.raises(ServerUnusable, match="it fails"):
        list(BlobTransfer(cast(Channel, channel), 0).read([LARGE.digest]))
    assert channel.calls == 1
