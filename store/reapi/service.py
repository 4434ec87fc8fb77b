"""The process that speaks gRPC: it takes calls from the process that forked it, and answers them.

Each call comes over a connection of its own, so that many can be under way. When the other process
ends, or closes its end, the actions that are under way are cancelled, and this one ends.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import socket
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any, Final

from store.display import quoted
from store.errors import FormatError, ServerUnusable, StoreError
from store.reapi.action_run import ActionRun
from store.reapi.blob import Blob, BlobDigest, BlobPiece, digest_message
from store.reapi.blob_transfer import BlobTransfer
from store.reapi.bot_session import BotSession
from store.reapi.channel import CallFailed, Channel
from store.reapi.endpoint import Endpoint
from store.reapi.file_hashing import hash_files
from store.reapi.known_blobs import KnownBlobs
from store.reapi.messages import message
from store.reapi.process_messages import (
    PERFORM,
    ExecutionEnd,
    ExecutionStage,
    HashedFile,
    Leased,
    LeaseEnd,
    LeaseWithdrawn,
    ServerCapabilities,
    StreamEnd,
    TakenUp,
)
from store.reapi.server_calls import ServedWork, ServerCalls, send_blobs
from store.reapi.shared_work import SharedWork
from store.system import kernel
from store.system.host_files import HostFiles
from store.system.patience import Patience

GROUP: Final = 64 << 10
"""Bytes of blobs that go in one message to the other process, at least."""

RESULT_LIMIT: Final = 64 << 10
"""Bytes of the result of an action that is looked up: many of them are in memory together."""

_SHA256: Final = 1


class ReapiService:
    """The calls: generators of parts of an answer. A connection is made at the first. ``shared`` is
    for work that is done here."""

    def __init__(self, endpoint: Endpoint, files: HostFiles, patience: Patience) -> None:
        self._endpoint = endpoint
        self._files = files
        self._patience = patience
        self._lock = threading.Lock()
        self._channel: Channel | None = None
        self._capabilities: ServerCapabilities | None = None
        self._failed: Exception | None = None
        self._runs: dict[ActionRun, int] = {}  # with their threads
        self._bots: dict[str, tuple[BotSession, int]] = {}  # by their names, with their threads
        self.shared = SharedWork()
        self.known = KnownBlobs()

    @property
    def name(self) -> str:
        """The server's URL."""
        return self._endpoint.url

    def _connected(self) -> tuple[Channel, ServerCapabilities]:
        with self._lock:
            if self._failed is not None:
                raise self._failed
            if self._channel is None or self._capabilities is None:
                try:
                    self._channel = Channel(self._endpoint, self._files, self._patience)
                    self._capabilities = _capabilities(self._channel)
                except Exception as error:
                    self._failed = error
                    raise
            return self._channel, self._capabilities

    def _transfer(self) -> BlobTransfer:
        channel, capabilities = self._connected()
        return BlobTransfer(channel, capabilities.most)

    def capabilities(self) -> Iterator[ServerCapabilities]:
        """Yield what the server can do."""
        yield self._connected()[1]

    def missing(self, digests: Sequence[BlobDigest]) -> Iterator[list[BlobDigest]]:
        """Yield the blobs that the server lacks."""
        yield from self._transfer().missing(digests)

    def send(self, blobs: Sequence[Blob]) -> Iterator[int]:
        """Send blobs; yields the bytes of each step."""
        yield from self._transfer().send(blobs)

    def read(self, digests: Sequence[BlobDigest]) -> Iterator[list[BlobPiece]]:
        """Yield blobs, several pieces at a time."""
        group: list[BlobPiece] = []
        size = 0
        for piece in self._transfer().read(digests):
            group.append(piece)
            size += len(piece.data)
            if size >= GROUP:
                yield group
                group, size = [], 0
        yield group

    def hash_files(self, paths: Sequence[str]) -> Iterator[list[HashedFile]]:
        """Yield files with their digests."""
        yield from hash_files(paths)

    def results(self, actions: Sequence[BlobDigest]) -> Iterator[tuple[int, bytes]]:
        """Yield the encoded result of each action that has one, with its place in ``actions``. One
        of more than :data:`RESULT_LIMIT` bytes is passed over."""
        channel, _ = self._connected()
        request = message("GetActionResultRequest")
        requests = (
            request(
                instance_name=channel.instance,
                action_digest=digest_message(each),
            )
            for each in actions
        )
        answers = channel.unaries("ActionCache.GetActionResult", requests, most=32)
        for place, answer in enumerate(answers):
            if not isinstance(answer, CallFailed):
                if answer.ByteSize() <= RESULT_LIMIT:
                    yield place, answer.SerializeToString()
            elif answer.code != "NOT_FOUND":
                raise channel.unusable(answer)

    def set_result(self, action: BlobDigest, result: bytes) -> Iterator[None]:
        """Tell the server the result of an action."""
        channel, _ = self._connected()
        request = message("UpdateActionResultRequest")(
            instance_name=channel.instance,
            action_digest=digest_message(action),
            action_result=message("ActionResult").FromString(result),
        )
        try:
            channel.unary("ActionCache.UpdateActionResult", request)
        except CallFailed as error:
            raise channel.unusable(error) from error
        yield None

    def execute(
        self, action: BlobDigest, skip_cache: bool
    ) -> Iterator[ExecutionStage | ExecutionEnd]:
        """Run an action; yields its stages and its end."""
        channel, _ = self._connected()
        run = ActionRun(channel, action, skip_cache=skip_cache)
        self._runs[run] = threading.get_ident()
        try:
            yield from run.follow()
        finally:
            run.cancel()
            self._runs.pop(run, None)

    def work(
        self, bot_id: str, properties: Mapping[str, str]
    ) -> Iterator[TakenUp | Leased | LeaseWithdrawn]:
        """Be a worker of the server; yields that it is one, its leases, and those that are
        withdrawn."""
        channel, _ = self._connected()
        bot = BotSession(channel, bot_id, properties)
        self._bots[bot_id] = (bot, threading.get_ident())
        yield from bot.follow()

    def finish(self, bot_id: str, end: LeaseEnd, blobs: Sequence[Blob]) -> Iterator[None]:
        """Send the blobs that the result of a lease needs, and report its end, for the worker of
        that name."""
        bot, _ = self._bots[bot_id]
        if blobs:
            send_blobs(DirectCalls(self), blobs)
        bot.finish(end)
        yield None

    def cancel_of(self, thread: int) -> None:
        """Cancel the actions that a thread follows, and give back the leases of its worker."""
        for run in [run for run, of in list(self._runs.items()) if of == thread]:
            run.cancel()
        for bot in [bot for bot, of in list(self._bots.values()) if of == thread]:
            bot.stop()

    def cancel(self) -> None:
        """Cancel each action that is under way, and give leases back."""
        bots = [bot for bot, _ in list(self._bots.values())]
        ends = [run.cancel for run in [*self._runs]] + [bot.stop for bot in bots]
        threads = [threading.Thread(target=end, daemon=True) for end in ends]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


class DirectCalls(ServerCalls):
    """The calls, for work that is done in this process."""

    def __init__(self, service: ReapiService) -> None:
        self._service = service
        self.shared = service.shared
        self.known = service.known

    @property
    def name(self) -> str:
        """The server's URL."""
        return self._service.name

    def adopt(self) -> None:
        """Do nothing: it is here."""

    def close(self) -> None:
        """Do nothing: others use the connection."""

    def _call(self, name: str, *args: object) -> Iterator[Any]:
        yield from getattr(self._service, name)(*args)


def _capabilities(channel: Channel) -> ServerCapabilities:
    request = message("GetCapabilitiesRequest")(instance_name=channel.instance)
    try:
        answer = channel.unary("Capabilities.GetCapabilities", request)
    except CallFailed as error:
        raise channel.unusable(error) from error
    cached, run = answer.cache_capabilities, answer.execution_capabilities
    if _SHA256 not in cached.digest_functions:
        raise ServerUnusable(f"{quoted(channel.name)} does not name blobs by SHA-256")
    if cached.max_batch_total_size_bytes < 0:
        raise FormatError("a message of fewer than no bytes")
    return ServerCapabilities(
        cached.max_batch_total_size_bytes,
        cached.action_cache_update_capabilities.update_enabled,
        run.exec_enabled,
    )


# -- the process ----------------------------------------------------------------------------------


def live(
    control: socket.socket,
    endpoint: Endpoint,
    files: HostFiles,
    patience: Patience,
    prepare: Callable[[], None] | None = None,
) -> None:
    """Answer calls until the process that forked this one ends, or closes its end. With
    ``prepare``, connect at once, and then call it."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, 0)  # actions are cancelled first
    parent = _parent_of(control)
    service = ReapiService(endpoint, files, patience)
    if prepare is not None:
        threading.Thread(target=_prepare, args=(service, prepare), daemon=True).start()
    poll = select.poll()
    for fd in (control.fileno(), *([] if parent is None else [parent])):
        poll.register(fd, select.POLLIN)
    while parent is not None:
        ready = [fd for fd, _ in poll.poll()]
        if parent in ready:
            break
        data, descriptors, _, _ = socket.recv_fds(control, 1, 1, socket.MSG_CMSG_CLOEXEC)
        if not data:
            break
        connection: Connection[Any, Any] = Connection(descriptors[0])
        threading.Thread(target=_serve, args=(service, connection), daemon=True).start()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    service.cancel()


def _prepare(service: ReapiService, prepare: Callable[[], None]) -> None:
    def connect() -> None:
        with contextlib.suppress(StoreError):  # the first call raises it again
            list(service.capabilities())

    threading.Thread(target=connect, daemon=True).start()
    prepare()


def _parent_of(control: socket.socket) -> int | None:
    """Close what this process has of the other one's; returns a descriptor of that process, None
    when it has ended."""
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):  # gRPC writes to standard error; ours are answers
        os.dup2(null, fd)
    kept = control.fileno()
    os.closerange(3, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
    try:
        return os.pidfd_open(os.getppid())
    except ProcessLookupError:
        return None


def _serve(service: ReapiService, connection: Connection[Any, Any]) -> None:
    """Answer the calls that come over one connection, one after the other."""
    watched = os.dup(connection.fileno())
    whose = (service, watched, threading.get_ident())
    threading.Thread(target=_cancel_at_end, args=whose, daemon=True).start()
    try:
        while True:
            name, args = pickle.loads(connection.recv_bytes())  # noqa: S301 - from our own process
            parts = _answer(service, connection, name, args)
            try:
                error = None
                for part in parts:
                    connection.send(part)
            except (OSError, EOFError):
                raise
            except Exception as found:
                error = found
            finally:
                parts.close()
            connection.send(StreamEnd(error))
    except (OSError, EOFError):
        connection.close()  # nobody wants the rest


def _answer(
    service: ReapiService, connection: Connection[Any, Any], name: str, args: tuple[Any, ...]
) -> Generator[object, None, None]:
    if name == PERFORM:
        return _performed(service, connection, *args)
    found: Generator[object, None, None] = getattr(service, name)(*args)
    return found


def _performed(
    service: ReapiService, connection: Connection[Any, Any], work: ServedWork
) -> Generator[object, None, None]:
    """Yield the value of work, or its error."""
    try:
        yield work(DirectCalls(service), connection)
    except Exception as error:
        yield error


def _cancel_at_end(service: ReapiService, connection: int, thread: int) -> None:
    """Wait until the other end of a connection is closed, and cancel the actions of its calls."""
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP)
    poll.poll()
    service.cancel_of(thread)
    os.close(connection)
