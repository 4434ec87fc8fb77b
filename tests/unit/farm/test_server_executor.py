"""Which tasks go to a server, as it has a sandbox of its own or workers of ours, and which stay
here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from store import digest
from store.cache import pull
from store.events import Event, Phase, Unattended
from store.farm import plain_server, queue_watch, worker_server
from store.farm.farm_objects import FarmBuilt, FarmObject, ObjectBlobs
from store.farm.plain_server import PlainServer
from store.farm.queue_watch import QueueWatch
from store.farm.server_executor import BuildServer, ServerExecutor
from store.farm.worker_server import WorkerServer
from store.jobs.executor import Task
from store.local.leases import Lease
from store.local.store import Store
from store.model.derivation import Derivation, Resolved, Source
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.model.result import Made, Result
from store.reapi.blob import blob_of
from store.reapi.server import Server
from tests.unit.farm.memory_server import MemoryServer

NODE = Resolved("toy", "x86_64-linux", "/bin/sh", (), (), None, (), ("out",))
SOURCE = Source("src", "a" * 64, ("https://example.org/src",))
MADE = ObjectId(b"\1" * 20, "toy")
INPUT = ObjectId(b"\2" * 20, "input")
OTHER = ObjectId(b"\3" * 20, "other")
PLACE = ObjectBlobs(blob_of(b"head").digest, blob_of(b"tree").digest)


class Local:
    """An executor here that begins every task it is given, unless it has ``none`` free."""

    stalled: Sequence[Task] = ()
    settling: Sequence[Task] = ()

    def __init__(self) -> None:
        self.active: list[Task] = []
        self.values: list[tuple[Task, object]] = []
        self.none = False
        self.closed = False

    @property
    def idle(self) -> bool:
        return not self.active

    def full(self, kind: str) -> bool:
        return False

    def submit(self, task: Task) -> bool:
        if not self.none:
            self.active.append(task)
        return not self.none

    def ended(self, *, pending: bool) -> Iterator[tuple[Task, object]]:
        values, self.values = self.values, []
        yield from values

    def cancel(self, task: Task) -> None:
        self.active.remove(task)

    def close(self) -> None:
        self.closed = True

    def closure_names(self, roots: Collection[ObjectId]) -> Sequence[str]:
        raise AssertionError("the server knows more")

    def bring(
        self, nodes: Mapping[bytes, Derivation], wanted: Collection[bytes], lease: Lease
    ) -> None:
        raise AssertionError("nothing is elsewhere")


@pytest.fixture
def local() -> Local:
    return Local()


@pytest.fixture
def plain(store: Store, monkeypatch: pytest.MonkeyPatch) -> PlainServer:
    monkeypatch.setattr(plain_server, "executing", lambda server: MemoryServer())
    return PlainServer(store, cast(Server, None))


@pytest.fixture
def workers(store: Store, monkeypatch: pytest.MonkeyPatch) -> WorkerServer:
    monkeypatch.setattr(worker_server, "executing", lambda server: MemoryServer())
    return WorkerServer(store, cast(Server, None), [], lambda event: None)


def build(name: str, *needs: ObjectId) -> Task:
    key = digest.file_digest(name.encode())
    return Task(id=key, name=name, kind="build", label="build", key=key, value=NODE, closure=needs)


def fetch(name: str, *needs: ObjectId) -> Task:
    return replace(build(name, *needs), kind="unpack", value=SOURCE)


def names(tasks: Sequence[Task]) -> list[str]:
    return [task.name for task in tasks]


def built(*, objects: Mapping[ObjectId, tuple[ObjectId, ...]]) -> FarmBuilt:
    made = Made("out", MADE, (), False, 1)
    record = Realisation(NODE.digest, "out", MADE, "u", "h", "full", digest.file_digest(b""), 1, 2)
    return FarmBuilt(
        Result((made,), "full", 1, 1.0, elsewhere=True),
        [record],
        {oid: FarmObject(PLACE, closure) for oid, closure in objects.items()},
    )


def executor(store: Store, local: Local, server: BuildServer, most: int = 2) -> ServerExecutor:
    return ServerExecutor(store, local, server, most, watch(lambda event: None))


def watch(emit: Callable[[Event], None]) -> QueueWatch:
    return QueueWatch("grpc://farm.example:1", "begin one", emit)


def test_a_build_on_a_server_takes_no_processor_here(
    store: Store, local: Local, plain: PlainServer
) -> None:
    made = executor(store, local, plain)
    assert made.submit(build("one"))
    (task,) = made.active
    assert (task.token, task.cores, task.claims) == (False, 1, True)
    assert task.action is not None
    assert task.log == store.layout.log(task.key)


def test_builds_beyond_the_share_of_a_server_are_done_here(
    store: Store, local: Local, plain: PlainServer
) -> None:
    made = executor(store, local, plain)
    for name in ("one", "two", "three"):
        assert made.submit(build(name))
    assert [(task.name, task.token) for task in made.active] == [
        ("one", False),
        ("two", False),
        ("three", True),
    ]
    local.none = True
    assert not made.submit(build("four"))


def test_beyond_the_share_of_workers_a_build_waits(
    store: Store, local: Local, workers: WorkerServer
) -> None:
    made = executor(store, local, workers)
    assert [made.submit(build(name)) for name in ("one", "two", "three")] == [True, True, False]
    assert names(made.active) == ["one", "two"]
    del local.active[0]
    assert made.submit(build("three"))
    assert all(task.call is not None and not task.token for task in made.active)


def test_no_task_is_made_for_builds_that_would_wait(
    store: Store, local: Local, workers: WorkerServer, plain: PlainServer
) -> None:
    made = executor(store, local, workers, most=1)
    assert not made.full("build")
    made.submit(build("one"))
    assert made.full("build")
    assert not made.full("unpack")
    del local.active[0]
    assert not made.full("build")
    here = executor(store, local, plain, most=1)
    here.submit(build("two"))
    assert not here.full("build")


def test_builds_that_no_worker_begins_are_reported(
    store: Store, local: Local, workers: WorkerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_watch, "PATIENCE", 0.0)
    told: list[Event] = []
    watched = watch(told.append)
    made = ServerExecutor(store, local, workers, 2, watched)
    task = build("toy")
    made.submit(task)
    watched.hear(Phase(task.id, "toy", "queued"))
    list(made.ended(pending=False))
    assert [event.builds for event in told if isinstance(event, Unattended)] == [1]
    local.active.clear()
    list(made.ended(pending=False))
    assert [event.builds for event in told if isinstance(event, Unattended)] == [1, 0]


def test_fetches_and_work_of_their_own_stay_here(
    store: Store, local: Local, plain: PlainServer
) -> None:
    made = executor(store, local, plain)
    own = replace(build("own"), action=lambda layout, job, send: None)
    for task in (fetch("source"), own):
        assert made.submit(task)
    assert made.active == [local.active[0], own]
    assert all(task.token for task in made.active)


def test_what_needs_an_object_of_the_server_is_done_there(
    store: Store, local: Local, workers: WorkerServer
) -> None:
    made = executor(store, local, workers)
    task = build("toy", INPUT)
    assert made.submit(task)
    assert not workers.wants(fetch("before", MADE))
    value = built(objects={MADE: (OTHER,), INPUT: ()})
    local.values.append((task, value))
    assert list(made.ended(pending=False)) == [(task, value.result)]
    assert workers.wants(fetch("after", MADE))
    assert not workers.wants(fetch("beside", INPUT))


def test_a_closure_has_what_is_here_and_what_is_on_the_server(
    store: Store, local: Local, workers: WorkerServer
) -> None:
    made = executor(store, local, workers)
    workers.taken(build("toy"), built(objects={MADE: (OTHER, INPUT)}))
    assert made.closure_names([MADE]) == tuple(sorted(map(str, (MADE, OTHER, INPUT))))
    assert made.closure_names([]) == ()


def test_an_error_of_a_task_is_handed_on(store: Store, local: Local, workers: WorkerServer) -> None:
    made, task, error = executor(store, local, workers), build("toy"), ValueError("why")
    local.values.append((task, error))
    assert list(made.ended(pending=False)) == [(task, error)]


def test_nothing_is_brought_that_was_not_asked_for(
    store: Store, local: Local, workers: WorkerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **named: Any) -> None:
        raise AssertionError("nothing is wanted")

    monkeypatch.setattr(pull, "pull", refuse)
    task = build("toy")
    workers.taken(task, built(objects={MADE: ()}))
    executor(store, local, workers).bring({}, [OTHER.digest], cast(Any, None))


def test_the_end_of_a_run_ends_the_tasks_and_the_connection(
    store: Store, local: Local, plain: PlainServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = list[bool]()
    monkeypatch.setattr(MemoryServer, "close", lambda self: closed.append(local.closed))
    made, task = executor(store, local, plain), build("one")
    made.submit(task)
    assert not made.idle
    made.cancel(made.active[0])
    assert made.idle
    made.close()
    assert closed == [True]
