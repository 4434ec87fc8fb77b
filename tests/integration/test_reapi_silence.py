"""A server that becomes silent while a build is waited for, which may take hours by itself."""

from __future__ import annotations

import os
import signal
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.errors import ServerUnusable
from store.reapi import action_run, channel
from store.reapi.blob import blob_of
from store.reapi.endpoint import parse
from store.reapi.messages import message
from store.reapi.server import Server
from store.reapi.server_calls import ServerCalls
from tests import farm_server

ALIVE = 3.0


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server whose clients ask sooner than usual whether it is there."""
    monkeypatch.setattr(channel, "ALIVE", ALIVE)
    monkeypatch.setattr(channel, "ALIVE_ANSWER", 1.0)
    monkeypatch.setattr(action_run, "RECONNECTS", (0.1, 0.2))
    with farm_server.running(tmp_path / "server") as running:
        yield running


def process_of(url: str) -> int:
    """Return the process that listens at the socket of a URL."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(url.partition(":")[2])
        got = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int(struct.unpack("3i", got)[0])


def queued(server: ServerCalls) -> Iterator[object]:
    """Have an action run that no worker takes; returns its stages, of which one came."""
    action = blob_of(message("Action")().SerializeToString())
    list(server.send([action]))
    stages = server.execute(action.digest)
    next(stages)
    return stages


def test_a_server_that_becomes_silent_ends_the_wait(url: str) -> None:
    server = Server(parse(url))
    stages = queued(server)
    pid = process_of(url)
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        with pytest.raises(ServerUnusable, match="it is silent") as caught:
            list(stages)
        # A new connection has as long as the first one, three times.
        assert ALIVE <= time.monotonic() - began < 3 * channel.CONNECT + 30
        assert "runs" in str(caught.value.hint)
    finally:
        os.kill(pid, signal.SIGCONT)
        server.close()


def test_one_that_is_there_may_be_silent_about_an_action_for_longer(url: str) -> None:
    server = Server(parse(url))
    stages = queued(server)
    began = time.monotonic()
    signal.signal(signal.SIGALRM, lambda *_: os.kill(process_of(url), signal.SIGTERM))
    signal.setitimer(signal.ITIMER_REAL, 2.5 * ALIVE)
    try:
        with pytest.raises(ServerUnusable):
            list(stages)
        assert time.monotonic() - began > 2 * ALIVE
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        server.close()
