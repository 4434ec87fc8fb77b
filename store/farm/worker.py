"""Workers: each takes leases from a server, one at a time, builds, and gives them back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import wait
from typing import Final

from store.display import reason
from store.errors import (
    FormatError,
    InvalidName,
    OtherSystem,
    StoreError,
    UnknownObject,
    storage_error,
)
from store.events import Event
from store.farm.derivation_action import properties, read_lease, read_request
from store.farm.worker_build import WorkerBuild
from store.jobs.local_executor import LocalExecutor
from store.jobs.lower import SYSTEM, BuildLimits
from store.local.store import Store
from store.reapi import status
from store.reapi.bot_session import GIVEN_BACK
from store.reapi.endpoint import Endpoint
from store.reapi.messages import message
from store.reapi.process_messages import Leased, LeaseEnd, LeaseWithdrawn, TakenUp
from store.reapi.server import LeaseStream, Server
from store.signing.keys import PrivateKey
from store.system.forking import ForkedCall

REST: Final = 5.0
"""Seconds without a lease after which the collector may have the objects of builds."""

TOGETHER: Final = 4
"""Workers that share a process that speaks to the server, of some 45 MB. As it is one Python, too
many would wait for each other's bytes."""

_DETAIL: Final = 500
"""Characters of the reason for a lease that failed."""

Report = Callable[[str], None]
"""Called with a sentence about each lease."""


class _Withdrawn(Exception):
    """The lease that is worked on has been withdrawn."""


class FarmWorker:
    """One worker, called ``bot_id``. It ends by an exception: KeyboardInterrupt, which gives the
    lease back, or ServerUnusable. ``server`` may have been begun by the process that forked this
    one."""

    def __init__(
        self,
        store: Store,
        server: Server,
        key: PrivateKey,
        bot_id: str,
        limits: BuildLimits,
        report: Report,
        emit: Callable[[Event], None] = lambda event: None,
    ) -> None:
        self._server = server
        self._bot_id = bot_id
        self._limits = limits
        self._report = report
        self._executor = LocalExecutor(store, limits.cores, emit)
        self._stream: LeaseStream | None = None
        self._lease = ""
        self._waiting: dict[str, Leased] = {}  # some servers hand out more than one
        self._build = WorkerBuild(store, self._executor, self._server, key, self._check, emit)

    def run(self) -> None:
        """Work until something is raised."""
        self._server.adopt()
        try:
            self._stream = self._server.work(self._bot_id, properties(SYSTEM))
            while True:
                self._serve(self._next_lease(self._stream))
        finally:
            self._executor.close()
            self._server.close()
            with contextlib.suppress(StoreError):  # on a full disk, it ends with this process
                self._build.rest()

    def _next_lease(self, stream: LeaseStream) -> Leased:
        """Wait for a lease; after a while, without any object."""
        self._lease = ""
        while not self._waiting:
            found = stream.next(REST)
            if found is None:
                self._build.rest()
                found = stream.next(None)
            self._note(found)
        return self._waiting.pop(next(iter(self._waiting)))

    def _note(self, found: TakenUp | Leased | LeaseWithdrawn | None) -> None:
        """Keep a lease for later. Raises _Withdrawn if the present one is no more."""
        if isinstance(found, Leased):
            self._waiting[found.id] = found
        elif isinstance(found, TakenUp):
            self._report("waiting for builds")
        elif found is not None:
            self._waiting.pop(found.id, None)
            if found.id == self._lease:
                raise _Withdrawn

    def _check(self) -> None:
        """Raise _Withdrawn if the lease is no more."""
        assert self._stream is not None
        self._note(self._stream.next(0))

    def _serve(self, leased: Leased) -> None:
        self._lease = leased.id
        try:
            failure = self._done(leased)
        except _Withdrawn:
            self._report("withdrawn")
            return
        if failure is not None:
            self._report(f"could not build: {failure.message}")
            end = LeaseEnd(leased.id, code=_status(failure), detail=failure.message[:_DETAIL])
            self._server.finish(self._bot_id, end)()
        while not self._executor.idle:  # it tidies up
            for _ in self._executor.ended(pending=False):
                pass

    def _done(self, leased: Leased) -> StoreError | None:
        """Build, and end the lease by that; returns the error that prevented it."""
        try:
            action = read_lease(self._server, leased.action, named=leased.named)
            request = read_request(self._server, action)
            self._report(f"builds {request.node.name}")
            with (
                contextlib.ExitStack() as sending,
                self._build.built(request, self._limits) as (result, blobs),
            ):
                end = LeaseEnd(leased.id, result)
                sending.callback(self._server.finish(self._bot_id, end, blobs))
            self._report(f"has done {request.node.name}")
            return None
        except OSError as error:
            return storage_error(error, "a system call failed")
        except StoreError as error:
            return error
        except _Withdrawn:
            raise
        except Exception as error:  # a client's action ends no worker, whatever it meets here
            return StoreError(f"{type(error).__name__}: {reason(error)}")


def _status(error: StoreError) -> int:
    """Return the status by which the server knows whether another worker may do better."""
    if isinstance(error, UnknownObject):
        return status.FAILED_PRECONDITION
    if isinstance(error, FormatError | InvalidName | OtherSystem):
        return status.INVALID_ARGUMENT
    return GIVEN_BACK


def run_workers(endpoint: Endpoint, count: int, life: Callable[[int, Server], None]) -> None:
    """Run ``life`` with each number from 1 on and its server, each in a process, until one raises.
    The others are ended then, as when this is interrupted: they have time to give leases back.

    Up to :data:`TOGETHER` of them share a process that speaks to the server.
    """
    calls: dict[int, ForkedCall[None]] = {}
    servers: list[Server] = []
    try:
        for number in range(1, count + 1):
            if number > len(servers) * TOGETHER:
                servers.append(Server(endpoint, prepare=_load))
            call = ForkedCall(partial(life, number, servers[-1]), interruptible=True)
            calls[call.fileno()] = call
        while calls:
            for fd in calls.keys() & set(wait(list(calls))):
                calls.pop(fd).result()
    finally:
        for call in calls.values():
            call.stop()
        for server in servers:
            server.close()


def _load() -> None:
    """Load what the first lease would wait for."""
    from store.farm import served_pull  # noqa: F401

    for name in ("Action", "ActionResult", "Command", "Directory"):
        message(name)
