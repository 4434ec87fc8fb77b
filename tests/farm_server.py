"""A small farm in memory: storage, action cache, execution and BotsService, of the definitions.

``python -m tests.farm_server SOCKET [DELAY]`` serves at a Unix socket until it is ended, and waits
for so many seconds before each answer from storage and action cache. A worker that says
nothing for some seconds is missed, and its leases go to others, as with BuildGrid. Of an action's
properties, the one that Fixpoint's workers announce decides which worker gets it.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from store.farm.derivation_action import PROPERTY
from store.reapi.bot_session import API
from store.reapi.messages import message, method

MISSED = 6.0
"""Seconds without a report after which a worker is missed."""

TRIES = 5
RETRIED = (13, 14)
QUEUED, EXECUTING, COMPLETED = 2, 3, 4
ACTIVE, LEASE_COMPLETED = 2, 4
OPERATIONS = "google.longrunning.Operations"
BYTES = "google.bytestream.ByteStream"


@dataclass
class Work:
    """An action that is asked for: queued, with a worker, or ended. ``changed`` wakes those who
    follow it, and no others."""

    name: str
    action: Any
    digest: str
    changed: threading.Condition
    worker: str = ""
    tries: int = 1
    response: Any = None
    cancelled: bool = False

    @property
    def stage(self) -> int:
        return COMPLETED if self.response else EXECUTING if self.worker else QUEUED


@dataclass
class Farm:
    """All that the server holds; ``guard`` guards it, and ``queued`` wakes workers without a lease.
    ``under_way`` are those of the works that have not ended."""

    guard: threading.RLock = field(default_factory=threading.RLock)
    queued: threading.Condition = field(init=False)
    blobs: dict[str, bytes] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    works: dict[str, Work] = field(default_factory=dict)
    under_way: dict[str, Work] = field(default_factory=dict)
    heard: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.queued = threading.Condition(self.guard)

    # -- storage --

    def GetCapabilities(self, request: Any, context: Any) -> Any:
        answer = message("ServerCapabilities")()
        answer.cache_capabilities.digest_functions.append(1)
        answer.cache_capabilities.max_batch_total_size_bytes = 4 << 20
        answer.cache_capabilities.action_cache_update_capabilities.update_enabled = True
        answer.execution_capabilities.exec_enabled = True
        return answer

    def FindMissingBlobs(self, request: Any, context: Any) -> Any:
        missing = [each for each in request.blob_digests if each.hash not in self.blobs]
        return message("FindMissingBlobsResponse")(missing_blob_digests=missing)

    def BatchUpdateBlobs(self, request: Any, context: Any) -> Any:
        answer = message("BatchUpdateBlobsResponse")()
        for each in request.requests:
            self.blobs[each.digest.hash] = each.data
            answer.responses.add(digest=each.digest)
        return answer

    def BatchReadBlobs(self, request: Any, context: Any) -> Any:
        answer = message("BatchReadBlobsResponse")()
        for each in request.digests:
            found = answer.responses.add(digest=each, data=self.blobs.get(each.hash, b""))
            found.status.code = 0 if each.hash in self.blobs else 5
        return answer

    def Write(self, requests: Iterator[Any], context: Any) -> Any:
        data = b"".join(each.data for each in requests)
        self.blobs[hashlib.sha256(data).hexdigest()] = data
        return message("google.bytestream.WriteResponse")(committed_size=len(data))

    def Read(self, request: Any, context: Any) -> Iterator[Any]:
        data = self.blobs[request.resource_name.split("/")[-2]][request.read_offset :]
        for at in range(0, len(data), 1 << 20):
            yield message("google.bytestream.ReadResponse")(data=data[at : at + (1 << 20)])

    def GetActionResult(self, request: Any, context: Any) -> Any:
        if request.action_digest.hash not in self.results:
            _refuse(context, "NOT_FOUND", "no such result")
        return self.results[request.action_digest.hash]

    def UpdateActionResult(self, request: Any, context: Any) -> Any:
        self.results[request.action_digest.hash] = request.action_result
        return request.action_result

    # -- execution --

    def Execute(self, request: Any, context: Any) -> Iterator[Any]:
        digest = request.action_digest.hash
        if digest not in self.blobs:
            _refuse(context, "FAILED_PRECONDITION", "the action is missing")
        action = message("Action").FromString(self.blobs[digest])
        with self.guard:
            work = Work(f"work-{len(self.works)}", action, digest, threading.Condition(self.guard))
            self.works[work.name] = work
            if not request.skip_cache_lookup and digest in self.results:
                work.response = message("ExecuteResponse")(
                    result=self.results[digest], cached_result=True
                )
            else:
                self.under_way[work.name] = work
                self.queued.notify_all()
        yield from self._follow(work, context)

    def WaitExecution(self, request: Any, context: Any) -> Iterator[Any]:
        if request.name not in self.works:
            _refuse(context, "NOT_FOUND", "no such operation")
        yield from self._follow(self.works[request.name], context)

    def _follow(self, work: Work, context: Any) -> Iterator[Any]:
        told = -1
        while told != COMPLETED and context.is_active():
            with self.guard:
                stage = work.stage
                if stage == told:
                    work.changed.wait(0.2)
                    continue
            told = stage
            operation = message("google.longrunning.Operation")(name=work.name)
            operation.metadata.Pack(message("ExecuteOperationMetadata")(stage=stage))
            if stage == COMPLETED:
                operation.done = True
                operation.response.Pack(work.response)
            yield operation

    def CancelOperation(self, request: Any, context: Any) -> Any:
        with self.guard:
            self._complete(self.works[request.name], 1, "cancelled")
        return message("google.protobuf.Empty")()

    def _complete(self, work: Work, code: int, detail: str = "", result: Any = None) -> None:
        work.response = message("ExecuteResponse")(result=result)
        work.response.status.code, work.response.status.message = code, detail
        work.cancelled = code == 1
        if code == 0 and result.exit_code == 0:
            self.results[work.digest] = result
        self.under_way.pop(work.name, None)
        work.changed.notify_all()

    # -- workers --

    def CreateBotSession(self, request: Any, context: Any) -> Any:
        session = request.bot_session
        with self.guard:
            self._give_back(session.bot_id)
        session.name = f"/{session.bot_id}"
        return session

    def UpdateBotSession(self, request: Any, context: Any) -> Any:
        session = request.bot_session
        end = time.monotonic() + min(context.time_remaining() * 0.8, 3.0)
        with self.guard:
            for lease in session.leases:
                self._hear(session.bot_id, lease)
            ended = any(lease.state == LEASE_COMPLETED for lease in session.leases)
            while True:
                self._look_after(session.bot_id)
                mine = [w for w in self.under_way.values() if w.worker == session.bot_id]
                if not mine and session.status == 1:
                    mine = self._next(session)
                if mine or ended or session.leases or session.status != 1:
                    break
                if time.monotonic() > end or not context.is_active():
                    break
                self.queued.wait(0.1)
            del session.leases[:]
            for work in mine:
                lease = session.leases.add(id=work.name, state=ACTIVE)
                lease.payload.Pack(work.action)
        return session

    def _hear(self, worker: str, lease: Any) -> None:
        work = self.works.get(lease.id)
        if work is None or work.response or work.worker != worker:
            return
        if lease.state != LEASE_COMPLETED:
            return
        if lease.status.code in RETRIED and work.tries < TRIES:
            self._requeue(work)
            return
        result = message("ActionResult")()
        lease.result.Unpack(result)
        self._complete(work, lease.status.code, lease.status.message, result)

    def _look_after(self, worker: str) -> None:
        now = time.monotonic()
        self.heard[worker] = now
        for each in [each for each, at in self.heard.items() if now - at > MISSED]:
            self._give_back(each)

    def _give_back(self, worker: str) -> None:
        self.heard.pop(worker, None)
        for work in self.under_way.values():
            if work.worker == worker:
                self._requeue(work)

    def _requeue(self, work: Work) -> None:
        work.worker, work.tries = "", work.tries + 1
        self.queued.notify_all()

    def _next(self, session: Any) -> list[Work]:
        announced = {
            each.value
            for device in session.worker.devices
            for each in device.properties
            if each.key == PROPERTY
        }
        for work in self.under_way.values():
            if work.worker:
                continue
            wanted = {p.value for p in work.action.platform.properties if p.name == PROPERTY}
            if wanted <= announced:
                work.worker = session.bot_id
                work.changed.notify_all()
                return [work]
        return []


def _refuse(context: Any, code: str, detail: str) -> None:
    import grpc

    context.abort(grpc.StatusCode[code], detail)


SERVICES = {
    "Capabilities": ["GetCapabilities"],
    "ContentAddressableStorage": ["FindMissingBlobs", "BatchUpdateBlobs", "BatchReadBlobs"],
    BYTES: ["Read", "Write"],
    "ActionCache": ["GetActionResult", "UpdateActionResult"],
    "Execution": ["Execute", "WaitExecution"],
    OPERATIONS: ["CancelOperation"],
    f"{API}.Bots": ["CreateBotSession", "UpdateBotSession"],
}


STORAGE = ("Capabilities", "ContentAddressableStorage", BYTES, "ActionCache")


def _late(answer: Callable[[Any, Any], Any], delay: float) -> Callable[[Any, Any], Any]:
    """Return the same answers, each after so many seconds."""

    def later(request: Any, context: Any) -> Any:
        time.sleep(delay)
        return answer(request, context)

    return later


def serve(socket: str, delay: float = 0.0) -> None:
    """Serve at a Unix socket until this process is ended."""
    import grpc

    farm = Farm()
    server = grpc.server(ThreadPoolExecutor(32))
    for service, names in SERVICES.items():
        handlers = {}
        for name in names:
            found = method(f"{service}.{name}")
            kind = (
                grpc.stream_unary_rpc_method_handler
                if found.streams_requests
                else grpc.unary_stream_rpc_method_handler
                if found.streams_responses
                else grpc.unary_unary_rpc_method_handler
            )
            answer = getattr(farm, name)
            if delay and service in STORAGE:
                answer = _late(answer, delay)
            handlers[name] = kind(
                answer, found.request.FromString, found.response.SerializeToString
            )
        whole = found.path.split("/")[1]
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(whole, handlers)])
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    server.wait_for_termination()


@contextmanager
def running(folder: Path, delay: float = 0.0) -> Iterator[str]:
    """Have such a server; gives its URL. Its output is in ``folder/log``."""
    with (
        tempfile.TemporaryDirectory(prefix="farm") as short,
        serving(folder, f"{short}/socket", delay) as url,
    ):
        yield url


@contextmanager
def serving(folder: Path, socket: str, delay: float = 0.0) -> Iterator[str]:
    """Have such a server at a socket; gives its URL. Its output is in ``folder/log``."""
    folder.mkdir(exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.farm_server", socket, str(delay)],
            stdout=log,
            stderr=log,
            cwd=Path(__file__).resolve().parents[1],
        )
        try:
            while not os.path.exists(socket):
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.05)
            yield f"grpc+unix:{socket}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
            Path(socket).unlink(missing_ok=True)


if __name__ == "__main__":
    serve(sys.argv[1], *map(float, sys.argv[2:]))
