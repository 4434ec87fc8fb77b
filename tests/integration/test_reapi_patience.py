"""A server whose answers are slow: each comes in time, and all together hold a run up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.cache.connecting import connect, server_cache
from store.cache.pull import pull
from store.cache.reapi_cache import ReapiCache
from store.cache.reapi_push import push_objects
from store.errors import ServerUnusable
from store.local.store import Store
from store.reapi import channel
from store.reapi.blob import blob_of
from store.reapi.blob_transfer import BATCH
from store.reapi.endpoint import parse
from store.reapi.server import Server
from store.system import patience
from tests import farm_server
from tests.unit.cache.conftest import Origin, origin, own

__all__ = ["origin", "own"]

DELAY = 0.4
SLOW = 0.3
PATIENCE = 3.0
TOO_SLOW = "its answers take too long"


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that waits before each answer, for longer than is called slow here."""
    monkeypatch.setattr(channel, "SLOW_ANSWER", SLOW)
    with farm_server.running(tmp_path / "server", DELAY) as running:
        yield running


def ask(server: Server) -> None:
    """Ask a question, to which the answer is no."""
    assert server.results([blob_of(b"no action").digest]) == {}


def asked(server: Server) -> int:
    """Ask until the server is left; returns how many answers came."""
    for number in range(100):
        try:
            ask(server)
        except ServerUnusable as error:
            assert TOO_SLOW in error.message
            return number
    raise AssertionError("it is asked forever")


def test_a_server_whose_answers_are_slow_all_together_is_left(url: str) -> None:
    server = Server(parse(url), PATIENCE)
    began = time.monotonic()
    assert 1 <= asked(server) <= PATIENCE / DELAY
    assert time.monotonic() - began < PATIENCE + 10
    server.close()  # the next call is made by another process
    began = time.monotonic()
    with pytest.raises(ServerUnusable, match=TOO_SLOW):
        ask(server)
    assert time.monotonic() - began < PATIENCE
    server.close()


def test_questions_that_wait_at_once_count_once(url: str) -> None:
    server = Server(parse(url), PATIENCE)
    actions = [blob_of(b"%d" % number).digest for number in range(24)]
    assert server.results(actions) == {}
    server.close()


def test_questions_under_way_and_streams_count_as_well(url: str) -> None:
    server = Server(parse(url), PATIENCE)
    with pytest.raises(ServerUnusable, match=TOO_SLOW):
        server.results([blob_of(b"%d" % number).digest for number in range(500)])
    server.close()
    large = [blob_of(b"%d" % number * (BATCH + 1)) for number in range(10)]
    patient = Server(parse(url))
    assert sum(patient.send(large)) == sum(blob.digest.size for blob in large)
    patient.close()
    server = Server(parse(url), PATIENCE)
    with pytest.raises(ServerUnusable, match=TOO_SLOW):
        list(server.read([blob.digest for blob in large]))
    server.close()


def test_without_a_bound_each_answer_is_waited_for(url: str) -> None:
    server = Server(parse(url))
    for _ in range(int(PATIENCE / DELAY) + 2):
        ask(server)
    server.close()


def test_a_push_waits_on_and_a_pull_leaves_the_cache(
    url: str, origin: Origin, own: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 2 * DELAY)
    oid = origin.add("object", {"file": b"text"})
    pushing = server_cache(url)
    assert push_objects(origin.store, pushing, [oid]).objects == [oid]
    pushing.close()
    cache = connect(url)
    assert isinstance(cache, ReapiCache)
    pulled = pull(own, [cache], [oid])
    assert TOO_SLOW in pulled.unusable[cache.name].message
    assert pulled.taken == ()
    cache.close()
