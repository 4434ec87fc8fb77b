"""Builds in a server's queue: if no worker begins any, that is reported; when it is over, too."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from store.events import Event, Phase, Unattended
from store.farm.queue_watch import AGAIN, PATIENCE, QueueWatch

SERVER = "grpc://farm.example:1"


class Watched:
    """A watch with a clock of its own; ``builds`` are under way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[Event] = []
        self.now = 1000.0
        self.builds: set[bytes] = set()
        self._watch = QueueWatch(SERVER, "begin one", self.told.append)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def phase(self, build: bytes, phase: str) -> None:
        self.builds.add(build)
        self._watch.hear(Phase(build, "toy", phase))

    def after(self, seconds: float) -> list[int]:
        """How many builds each report after so many seconds was about."""
        self.now += seconds
        self.told.clear()
        self._watch.look(self.builds)
        return [event.builds for event in self.told if isinstance(event, Unattended)]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    yield Watched(monkeypatch)


@pytest.mark.parametrize("phase", ["unknown", "cache check", "queued"])
def test_a_build_that_no_worker_begins_is_reported_now_and_then(
    watched: Watched, phase: str
) -> None:
    watched.phase(b"1", phase)
    assert watched.after(0) == []
    assert watched.after(PATIENCE - 1) == []
    assert watched.after(1) == [1]
    assert watched.told == [Unattended(SERVER, 1, PATIENCE, "begin one")]
    assert watched.after(AGAIN - 1) == []
    assert watched.after(1) == [1]


def test_a_build_that_is_sent_or_executed_waits_for_no_worker(watched: Watched) -> None:
    watched.phase(b"1", "upload")
    assert watched.after(0) == watched.after(10 * PATIENCE) == []
    watched.phase(b"2", "queued")
    watched.phase(b"1", "executing")
    assert watched.after(0) == watched.after(10 * PATIENCE) == []


def test_the_first_worker_ends_it(watched: Watched) -> None:
    for build in (b"1", b"2"):
        watched.phase(build, "queued")
    assert [*watched.after(0), *watched.after(PATIENCE)] == [2]
    watched.phase(b"1", "executing")
    assert watched.after(1) == [0]
    assert watched.after(PATIENCE) == []
    watched.builds.clear()
    watched.phase(b"3", "queued")
    assert watched.after(PATIENCE) == []
    assert watched.after(PATIENCE) == [1]


def test_the_end_of_all_builds_ends_it(watched: Watched) -> None:
    watched.phase(b"1", "queued")
    assert [*watched.after(0), *watched.after(PATIENCE)] == [1]
    watched.builds.clear()
    assert watched.after(1) == [0]
    assert watched.after(1) == []


def test_every_event_is_handed_on(watched: Watched) -> None:
    watched.phase(b"1", "queued")
    assert watched.told == [Phase(b"1", "toy", "queued")]
