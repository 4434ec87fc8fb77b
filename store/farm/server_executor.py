"""The executor for builds on a server: the server does them, and this machine all other tasks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from store.errors import UsageError
from store.events import Event
from store.farm.begun_server import begun_server
from store.farm.encoded_action import system_properties
from store.farm.queue_watch import QueueWatch
from store.jobs.executor import Executor, Task
from store.jobs.lower import SYSTEM
from store.local.leases import Lease
from store.local.store import Store
from store.model.derivation import Derivation
from store.model.names import ObjectId
from store.reapi.endpoint import Endpoint, parse
from store.reapi.server import Server


class BuildServer(Protocol):
    """A server that does builds for the executor, and the place of their results."""

    waits: bool
    """True if all builds are the server's, and wait while it has its share; else a task that it has
    no share for is done on this machine."""

    def wants(self, task: Task) -> bool:
        """Return whether the server does a task, as far as it has not got its share."""

    def sent(self, task: Task) -> Task:
        """Return the task of a process here that has the server do it."""

    def taken(self, task: Task, value: object) -> object:
        """Return how a task ended, by the value of its process."""

    def prepare(self) -> None:
        """Get ready for :meth:`bring`, in a moment in which builds go on."""

    def close(self) -> None:
        """End the connection."""

    def closure_names(self, roots: Collection[ObjectId]) -> Sequence[str]:
        """Return the ``<digest>-<name>`` of the roots and of all that they refer to, here and
        there."""

    def bring(
        self, nodes: Mapping[bytes, Derivation], wanted: Collection[bytes], lease: Lease
    ) -> None:
        """Get the results of the ``wanted`` ones of the derivations ``nodes`` that are there, and
        register them. Raises ServerUnusable."""


class ServerExecutor:
    """Has up to ``most`` tasks done by a server at once, and all others by ``local``.

    Each task of the server has a process here, which takes no processor from the pool. ``watch``
    hears the events of ``local``.
    """

    def __init__(
        self, store: Store, local: Executor, server: BuildServer, most: int, watch: QueueWatch
    ) -> None:
        self._store = store
        self._local = local
        self._server = server
        self._most = most
        self._watch = watch
        self._remote: set[bytes] = set()

    @property
    def active(self) -> Sequence[Task]:
        """The tasks that have not ended."""
        return self._local.active

    @property
    def stalled(self) -> Sequence[Task]:
        """Those of the active fetches that have not got a byte for some seconds."""
        return self._local.stalled

    @property
    def settling(self) -> Sequence[Task]:
        """Those of the active builds that only wait for the disk, and need no processor."""
        return self._local.settling

    @property
    def idle(self) -> bool:
        """True if no process is left that works, or tidies up after its task."""
        return self._local.idle

    def full(self, kind: str) -> bool:
        """Return whether builds wait, and the server has its share of them."""
        return kind == "build" and self._server.waits and self._has_share()

    def _has_share(self) -> bool:
        return len(self._under_way()) >= self._most

    def _under_way(self) -> set[bytes]:
        self._remote &= {each.id for each in self.active}
        return self._remote

    def submit(self, task: Task) -> bool:
        """Begin a task; False when the server has its share, or a token is lacking here."""
        if not self._server.wants(task):
            return self._local.submit(task)
        if self._has_share():
            return not self._server.waits and self._local.submit(task)
        log = self._store.start_log(task.key) if task.kind == "build" else None
        self._remote.add(task.id)
        return self._local.submit(self._server.sent(replace(task, token=False, cores=1, log=log)))

    def ended(self, *, pending: bool) -> Iterator[tuple[Task, object]]:
        """Wait for a moment; yield each task that ended meanwhile, with its value or error."""
        if self._under_way():
            self._server.prepare()
        for task, value in self._local.ended(pending=pending):
            yield task, self._server.taken(task, value)
        self._watch.look(self._under_way())

    def cancel(self, task: Task) -> None:
        """End a task at once; the server is asked to, if it has it."""
        self._local.cancel(task)

    def close(self) -> None:
        """Cancel every task."""
        self._local.close()
        self._server.close()

    def closure_names(self, roots: Collection[ObjectId]) -> Sequence[str]:
        """Return the ``<digest>-<name>`` of the roots and of all that they refer to, here and
        there."""
        return self._server.closure_names(roots)

    def bring(
        self, nodes: Mapping[bytes, Derivation], wanted: Collection[bytes], lease: Lease
    ) -> None:
        """Take the ``wanted`` results that the server has into this store. ServerUnusable."""
        self._server.bring(nodes, wanted, lease)


def server_executor(
    store: Store,
    local: Callable[[Callable[[Event], None]], Executor],
    url: str,
    most: int,
    sandbox: str,
    emit: Callable[[Event], None],
    server: Server | None = None,
) -> Executor:
    """Return an executor that has up to ``most`` builds done by a server at once, and all else by
    ``local``. That one gets the receiver of its events. The ``sandbox`` is ``plain`` for the
    server's own, ``worker`` for that of workers of ours, of which those with trusted keys count.
    ``server`` is one that was begun before. UsageError, ServerUnusable."""
    endpoint = parse(url)
    watch = QueueWatch(endpoint.url, _worker_hint(endpoint, sandbox), emit)
    if server is None or server.name != endpoint.url:
        server = begun_server(url, sandbox)
    builds = _build_server(store, server, sandbox, emit)
    return ServerExecutor(store, local(watch.hear), builds, most, watch)


def _worker_hint(endpoint: Endpoint, sandbox: str) -> str:
    """Return what to do if the server has no worker for builds of this sandbox."""
    # The command first: a narrow screen cuts the rest.
    busy = "or all of its workers are busy"
    if sandbox == "worker":
        return f"begin `store worker {endpoint.url}` on a machine for {SYSTEM}; {busy}"
    wanted = ", ".join(f"{name}={value}" for name, value in system_properties(SYSTEM).items())
    return f"it needs a worker with the properties {wanted}; {busy}"


def _build_server(
    store: Store, server: Server, sandbox: str, emit: Callable[[Event], None]
) -> BuildServer:
    if sandbox == "worker":
        from store.farm.worker_server import WorkerServer
        from store.signing.keyring import Keyring, default_folder

        keys = Keyring(default_folder()).trusted()
        if not keys:
            raise UsageError(
                "no key is trusted, so no build by a worker would count",
                hint="`store key trust` adds the key of a worker",
            )
        return WorkerServer(store, server, keys, emit)
    from store.farm.plain_server import PlainServer

    return PlainServer(store, server)
