"""A worker's leases: whatever is wrong with one, the worker reports it, and goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pytest

from store.errors import FormatError, OtherSystem, ServerUnusable, StoreFull, UnknownObject
from store.farm import worker
from store.farm.derivation_action import DerivationRequest, RequestLimits
from store.farm.worker import TOGETHER, FarmWorker, run_workers
from store.farm.worker_build import WorkerBuild
from store.jobs.lower import BuildLimits
from store.local.store import Store
from store.model.derivation import Resolved
from store.reapi.blob import Blob, blob_of
from store.reapi.bot_session import GIVEN_BACK
from store.reapi.endpoint import Endpoint
from store.reapi.process_messages import Leased, LeaseEnd, LeaseWithdrawn, TakenUp
from store.reapi.server import Server
from store.signing.keys import PrivateKey

NODE = Resolved("toy", "x86_64-linux", "/bin/sh", (), (), None, (), ("out",))
LEASE = Leased("lease", b"", named=False)


class Stream:
    """One lease, and then the end."""

    def __init__(self) -> None:
        self.leases: list[TakenUp | Leased | LeaseWithdrawn] = [LEASE]

    def next(self, timeout: float | None) -> TakenUp | Leased | LeaseWithdrawn | None:
        if not self.leases and timeout == 0:
            return None
        if not self.leases:
            raise ServerUnusable("that was all")
        return self.leases.pop()


def run_worker(
    store: Store, monkeypatch: pytest.MonkeyPatch, stream: Stream, finish: object, built: object
) -> None:
    """Have a worker serve the leases of a stream, with this report of an end and this build."""
    server = cast(Any, Server)
    monkeypatch.setattr(server, "work", lambda *args: stream)
    monkeypatch.setattr(server, "finish", finish)
    monkeypatch.setattr(worker, "read_lease", lambda *args, **named: None)
    monkeypatch.setattr(
        worker, "read_request", lambda *args: DerivationRequest(NODE, {}, RequestLimits())
    )
    monkeypatch.setattr(WorkerBuild, "built", built)
    key, limits = PrivateKey.generate("farm"), BuildLimits(cores=1)
    with pytest.raises(ServerUnusable, match="that was all"):
        FarmWorker(
            store, Server(Endpoint("localhost", 1)), key, "bot", limits, lambda _: None
        ).run()


def end_after(store: Store, monkeypatch: pytest.MonkeyPatch, failure: Exception) -> LeaseEnd:
    """How a lease is reported whose build raises this; the worker has to go on after it."""
    ends: list[LeaseEnd] = []

    @contextmanager
    def built(*args: object) -> Iterator[tuple[bytes, list[Blob]]]:
        raise failure
        yield b"", []

    def finish(self: Any, bot: str, end: LeaseEnd) -> Callable[[], None]:
        return lambda: ends.append(end)

    run_worker(store, monkeypatch, Stream(), finish, built)
    (end,) = ends
    return end


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (FormatError("it is no Action message"), 3),
        (OtherSystem("toy", "other-linux", "x86_64-linux"), 3),
        (UnknownObject("an input is missing"), 9),
        (StoreFull("the disk is full"), 14),
        (OSError(5, "Input/output error"), 14),
        (ValueError("what nobody thought of"), 14),
        (RecursionError("\x1b[2J"), 14),
    ],
)
def test_no_lease_ends_a_worker(
    store: Store, monkeypatch: pytest.MonkeyPatch, failure: Exception, code: int
) -> None:
    end = end_after(store, monkeypatch, failure)
    assert (end.id, end.code) == ("lease", code)
    assert end.detail.isprintable()


@pytest.mark.parametrize("full", [False, True])
def test_a_result_that_cannot_be_sent_or_registered_gives_the_lease_back(
    store: Store, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    told: list[object] = []

    @contextmanager
    def built(*args: object) -> Iterator[tuple[bytes, list[Blob]]]:
        yield b"result", [blob_of(b"an output")]
        told.append("registered")
        if full:
            raise StoreFull("the disk is full")

    def finish(
        self: Any, bot: str, end: LeaseEnd, blobs: Sequence[Blob] = ()
    ) -> Callable[[], None]:
        def wait() -> None:
            told.append("sent" if blobs else end.code)
            if blobs and not full:
                raise ServerUnusable("it has no room")

        if blobs:
            told.append(end.result)
        return wait

    run_worker(store, monkeypatch, Stream(), finish, built)
    assert told == [b"result", "registered", "sent", GIVEN_BACK]


def test_the_reason_of_a_failure_has_a_bound(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(end_after(store, monkeypatch, FormatError("x" * 100_000)).detail) == 500


def test_leases_that_come_while_one_is_worked_on_are_not_forgotten(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[str] = []
    stream = Stream()
    first, second, third = (LEASE._replace(id=name) for name in ("first", "second", "third"))
    stream.leases = [LeaseWithdrawn("second"), third, second, first]

    @contextmanager
    def built(self: Any, *args: object) -> Iterator[tuple[bytes, list[Blob]]]:
        for _ in range(4):
            self._check()
        yield b"", []

    def finish(self: Any, bot: str, end: LeaseEnd, blobs: object) -> Callable[[], None]:
        return lambda: ends.append(end.id)

    run_worker(store, monkeypatch, stream, finish, built)
    assert ends == ["first", "third"]


def test_a_worker_without_a_lease_keeps_no_object(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []

    class Idle(Stream):
        """Nothing for as long as one waits, and then the end."""

        def next(self, timeout: float | None) -> Any:
            calls.append(timeout)
            return super().next(timeout) if timeout is None else None

    stream = Idle()
    stream.leases = []
    monkeypatch.setattr(cast(Any, Server), "work", lambda *args: stream)
    monkeypatch.setattr(WorkerBuild, "rest", lambda self: calls.append("rest"))
    key, limits = PrivateKey.generate("farm"), BuildLimits(cores=1)
    with pytest.raises(ServerUnusable, match="that was all"):
        FarmWorker(
            store, Server(Endpoint("localhost", 1)), key, "bot", limits, lambda _: None
        ).run()
    assert calls == [worker.REST, "rest", None, "rest"]


@pytest.mark.parametrize(
    ("answers", "said"), [([], []), ([TakenUp("session")], ["waiting for builds"])]
)
def test_a_worker_waits_when_the_server_has_taken_it_up(
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    answers: list[TakenUp | Leased | LeaseWithdrawn],
    said: list[str],
) -> None:
    stream = Stream()
    stream.leases = answers
    monkeypatch.setattr(cast(Any, Server), "work", lambda *args: stream)
    key, limits = PrivateKey.generate("farm"), BuildLimits(cores=1)
    sentences: list[str] = []
    with pytest.raises(ServerUnusable, match="that was all"):
        FarmWorker(
            store, Server(Endpoint("localhost", 1)), key, "bot", limits, sentences.append
        ).run()
    assert sentences == said


def test_a_few_workers_share_a_process_that_speaks_to_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Shared] = []

    class Shared:
        """A server that notes its end."""

        def __init__(self, endpoint: Endpoint, prepare: object) -> None:
            self.number, self.closed = len(made), False
            made.append(self)

        def close(self) -> None:
            self.closed = True

    monkeypatch.setattr(worker, "Server", Shared)

    def life(number: int, server: object) -> None:
        assert cast(Shared, server).number == (number - 1) // TOGETHER

    run_workers(Endpoint("localhost", 1), 2 * TOGETHER + 1, life)
    assert [each.closed for each in made] == [True] * 3
