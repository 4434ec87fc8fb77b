"""A server of the Remote Execution API, as every other room sees it; gRPC is in another process."""

from __future__ import annotations

import os
import pickle
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any, Final

from store.display import quoted
from store.errors import ServerUnusable
from store.reapi.action_run import ExecutionEnd, ExecutionStage
from store.reapi.blob import EMPTY, Blob, BlobDigest, BlobPiece
from store.reapi.blob_transfer import HashedFile
from store.reapi.bot_session import Leased, LeaseEnd, LeaseWithdrawn
from store.reapi.endpoint import Endpoint, server_files
from store.reapi.messages import message
from store.reapi.service import ServerCapabilities, StreamEnd, live
from store.system.forking import fork

UNASKED: Final = 64 << 10
"""Bytes of blobs that are sent without asking which of them the server has."""

UNASKED_COUNT: Final = 100
"""Blobs that are sent so, at most."""


class Server:
    """Calls may be made by several threads. Each raises ServerUnusable, and from then on all do.

    In a process that was forked after the first call, another connection is made.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._files = server_files(endpoint)
        self._lock = threading.Lock()
        self._owner = -1
        self._pid = -1
        self._control: socket.socket | None = None
        self._idle: list[Connection[Any, Any]] = []
        self._adopted = False
        message("Digest")  # the extra is there, or that is said now

    @property
    def name(self) -> str:
        """Its URL."""
        return self._endpoint.url

    def adopt(self) -> None:
        """Use the connection of the process that forked this one after its first call. Actions are
        cancelled when either of the two ends."""
        if self._control is not None:
            self._owner, self._idle, self._adopted = os.getpid(), [], True

    # -- calls --

    def capabilities(self) -> ServerCapabilities:
        """Return what it can do."""
        (found,) = self._call("capabilities")
        assert isinstance(found, ServerCapabilities)
        return found

    def missing(self, digests: Sequence[BlobDigest]) -> set[BlobDigest]:
        """Return those of the blobs that it lacks."""
        return {each for part in self._call("missing", digests) for each in part}

    def send(self, blobs: Sequence[Blob]) -> Iterator[int]:
        """Send blobs; yields bytes that were sent since the last time. StorageError for a file that
        cannot be read, or has changed."""
        yield from self._call("send", blobs)

    def read(self, digests: Sequence[BlobDigest]) -> Iterator[BlobPiece]:
        """Yield the blobs, each from its beginning on. One that the server lacks is left out; one
        that is large may be cut short, or have other bytes."""
        for part in self._call("read", digests):
            yield from part

    def read_small(self, digests: Sequence[BlobDigest], most: int) -> dict[BlobDigest, bytes]:
        """Return whole blobs, which have their digest; those of more than ``most`` bytes are left
        out."""
        parts: dict[BlobDigest, list[bytes]] = {}
        for piece in self.read([each for each in digests if each.size <= most]):
            parts.setdefault(piece.digest, []).append(piece.data)
        found = {digest: b"".join(pieces) for digest, pieces in parts.items()}
        found |= {each: b"" for each in digests if not each.size}
        return {digest: data for digest, data in found.items() if digest.is_of(data)}

    def hash_files(self, paths: Sequence[str]) -> list[HashedFile]:
        """Return files with their digests, in order. StorageError."""
        return [each for part in self._call("hash_files", paths) for each in part]

    def results(self, actions: Sequence[BlobDigest]) -> dict[BlobDigest, bytes]:
        """Return the encoded ActionResult of each of the actions that has one."""
        return {actions[place]: result for place, result in self._call("results", actions)}

    def set_result(self, action: BlobDigest, result: bytes) -> None:
        """Tell it the encoded ActionResult of an action."""
        for _ in self._call("set_result", action, result):
            pass

    def execute(
        self, action: BlobDigest, *, skip_cache: bool = False
    ) -> Iterator[ExecutionStage | ExecutionEnd]:
        """Have an action run; yields its stages and its end. It is cancelled when this process
        ends, or closes the server, before."""
        yield from self._call("execute", action, skip_cache)

    def work(self, bot_id: str, properties: Mapping[str, str]) -> LeaseStream:
        """Be a worker of the server, of that name. Leases that have not ended are given back when
        this process ends, or closes the server."""
        return LeaseStream(self.name, self._begun("work", bot_id, properties))

    def finish(self, end: LeaseEnd) -> None:
        """Report the end of a lease."""
        for _ in self._call("finish", end):
            pass

    # -- the other process --

    def _begun(self, name: str, *args: object) -> Connection[Any, Any]:
        connection = self._connection()
        _ask(connection, name, args)
        return connection

    def _call(self, name: str, *args: object) -> Iterator[Any]:
        connection = self._connection()
        whole = False
        try:
            _ask(connection, name, args)
            while not isinstance(part := connection.recv(), StreamEnd):
                yield part
            whole = True
        except (OSError, EOFError) as error:
            raise _died(self.name) from error
        finally:
            if whole:
                self._idle.append(connection)
            else:
                connection.close()
        if part.error is not None:
            raise part.error

    def _connection(self) -> Connection[Any, Any]:
        with self._lock:
            control = self._control if self._owner == os.getpid() else None
            if control is None:
                control = self._begin()
            if self._idle:
                return self._idle.pop()
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    socket.send_fds(control, [b"!"], [theirs.fileno()])
                except OSError as error:
                    ours.close()
                    raise _died(self.name) from error
            return Connection(ours.detach())

    def _begin(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        endpoint, files = self._endpoint, self._files
        with theirs:
            self._pid = fork(lambda: live(theirs, endpoint, files), own_group=True)
        self._owner, self._control, self._idle = os.getpid(), ours, []
        self._adopted = False
        return ours

    def close(self) -> None:
        """Cancel all calls, and end the connection."""
        with self._lock:
            if self._control is None or self._owner != os.getpid():
                return
            self._control.close()
            self._control = None
            for each in self._idle:
                each.close()
            self._idle = []
            if not self._adopted:
                os.waitpid(self._pid, 0)


def send_lacking(server: Server, blobs: Iterable[Blob]) -> Iterator[int]:
    """Send those of the blobs that the server lacks, each once; yields as :meth:`Server.send`. Of a
    few small ones the server is not asked: that takes longer than to send them."""
    named = {blob.digest: blob for blob in blobs if blob.digest != EMPTY}
    if sum(digest.size for digest in named) <= UNASKED and len(named) <= UNASKED_COUNT:
        yield from server.send(list(named.values()))
        return
    lacking = server.missing(list(named))
    yield from server.send([blob for digest, blob in named.items() if digest in lacking])


class LeaseStream:
    """The leases of a worker, as they come."""

    def __init__(self, name: str, connection: Connection[Any, Any]) -> None:
        self._name = name
        self._connection = connection

    def next(self, timeout: float | None) -> Leased | LeaseWithdrawn | None:
        """Return the next message; None if that takes longer than so many seconds. Raises
        ServerUnusable when none can come any more."""
        if timeout is not None and not self._connection.poll(timeout):
            return None
        try:
            part = self._connection.recv()
        except (OSError, EOFError) as error:
            raise _died(self._name) from error
        if isinstance(part, StreamEnd):
            raise part.error or ServerUnusable(f"{quoted(self._name)} has no more leases")
        assert isinstance(part, Leased | LeaseWithdrawn)
        return part


def _ask(connection: Connection[Any, Any], name: str, args: tuple[object, ...]) -> None:
    connection.send_bytes(pickle.dumps((name, args), pickle.HIGHEST_PROTOCOL))


def _died(name: str) -> ServerUnusable:
    return ServerUnusable(f"the process that speaks to {quoted(name)} died")
