"""A server of the Remote Execution API, as every other room sees it; gRPC is in another process."""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any, Final

from store.display import quoted
from store.errors import ServerUnusable
from store.reapi.blob import Blob
from store.reapi.endpoint import Endpoint, server_files
from store.reapi.messages import check_extra
from store.reapi.process_messages import (
    PERFORM,
    Leased,
    LeaseEnd,
    LeaseWithdrawn,
    StreamEnd,
    TakenUp,
)
from store.reapi.server_calls import ServedWork, ServerCalls
from store.system.forking import fork
from store.system.patience import Patience

END_PATIENCE: Final = 1.0
"""Seconds that the end of a connection waits for work that tidies up."""


class Server(ServerCalls):
    """A server, which a process of its own speaks to.

    In a process that was forked after the first call, another connection is made. A server that
    holds all of these up for more seconds than ``patience`` fails. With ``prepare``, the process
    begins at once: it connects and calls that, beside the work of this one. If it cannot connect,
    the first call says so.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        patience: float = math.inf,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._files = server_files(endpoint)
        self._patience = Patience(patience)
        self._lock = threading.Lock()
        self._owner = -1
        self._pid = -1
        self._control: socket.socket | None = None
        self._idle: list[Connection[Any, Any]] = []
        self._ending: list[Connection[Any, Any]] = []
        self._adopted = False
        check_extra()
        if prepare is not None:
            self._control = self._begin(prepare)

    @property
    def name(self) -> str:
        """Its URL."""
        return self._endpoint.url

    def adopt(self) -> None:
        """Use the connection of the process that forked this one after its first call. Actions are
        cancelled when either of the two ends."""
        if self._control is not None:
            self._owner, self._idle, self._ending = os.getpid(), [], []
            self._adopted = True

    # -- calls of a worker --

    def work(self, bot_id: str, properties: Mapping[str, str]) -> LeaseStream:
        """Be a worker of the server, of that name. Leases that have not ended are given back when
        this process ends, or closes the server. One process may be several."""
        return LeaseStream(self.name, self._begun("work", bot_id, properties))

    def finish(self, bot_id: str, end: LeaseEnd, blobs: Sequence[Blob] = ()) -> Callable[[], None]:
        """Begin to report the end of a lease of the worker of that name; returns the wait for it.
        The server gets the blobs of the result before; when that fails, nothing is reported. The
        wait raises ServerUnusable, StorageError."""
        parts = self._parts(self._begun("finish", bot_id, end, blobs))

        def wait() -> None:
            for _ in parts:
                pass

        return wait

    # -- the other process --

    def perform(self, work: ServedWork) -> WorkStream:
        """Have work done in the process that speaks to the server, beside other work. It is
        pickled, and so is what it sends."""
        return WorkStream(self._begun(PERFORM, work), self._pid, self._idle, self._ending)

    def _begun(self, name: str, *args: object) -> Connection[Any, Any]:
        connection = self._connection()
        try:
            _ask(connection, name, args)
        except OSError as error:
            connection.close()
            raise _died(self.name) from error
        return connection

    def _call(self, name: str, *args: object) -> Iterator[Any]:
        yield from self._parts(self._begun(name, *args))

    def _parts(self, connection: Connection[Any, Any]) -> Iterator[Any]:
        """Yield the parts of the answer that comes over a connection."""
        whole = False
        try:
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
            self._hear_ends(0.0)
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

    def _hear_ends(self, patience: float) -> None:
        """Take back the connections of work that has ended since it was let go, or ends within so
        many seconds."""
        for connection in list(self._ending):
            try:
                if not connection.poll(patience):
                    continue
                if isinstance(connection.recv(), StreamEnd):
                    self._idle.append(connection)
                    self._ending.remove(connection)
            except (OSError, EOFError):
                self._ending.remove(connection)

    def _begin(self, prepare: Callable[[], None] | None = None) -> socket.socket:
        ours, theirs = socket.socketpair()
        given = (self._endpoint, self._files, self._patience)
        with theirs:
            self._pid = fork(lambda: _live(theirs, *given, prepare), own_group=True)
        self._owner, self._control = os.getpid(), ours
        self._idle, self._ending = [], []
        self._adopted = False
        return ours

    def close(self) -> None:
        """Cancel all calls, and end the connection."""
        with self._lock:
            if self._control is None or self._owner != os.getpid():
                return
            self._hear_ends(END_PATIENCE)
            if not self._adopted:
                # Processes that were forked meanwhile have this end, too.
                with contextlib.suppress(OSError):
                    self._control.shutdown(socket.SHUT_RDWR)
            self._control.close()
            self._control = None
            for each in (*self._idle, *self._ending):
                each.close()
            self._idle, self._ending = [], []
            if not self._adopted:
                with contextlib.suppress(ChildProcessError):  # where SIGCHLD is ignored
                    os.waitpid(self._pid, 0)


def _live(control: socket.socket, *given: Any) -> None:
    # Loaded there alone, beside the work of the process that forks it.
    from store.reapi.service import live

    live(control, *given)


def executing(server: Server) -> Server:
    """Return the server itself, which runs actions, with its process. ServerUnusable."""
    if not server.capabilities().executes:
        server.close()
        raise ServerUnusable(f"{quoted(server.name)} runs no actions")
    return server


class WorkStream:
    """Work in the process ``pid``: over ``connection`` come its messages, its value or its error,
    and a :class:`StreamEnd`."""

    def __init__(
        self,
        connection: Connection[Any, Any],
        pid: int,
        idle: list[Connection[Any, Any]],
        ending: list[Connection[Any, Any]],
    ) -> None:
        self.connection = connection
        self.pid = pid
        self._idle = idle
        self._ending = ending

    def release(self) -> None:
        """Let others have the connection, as the end has come."""
        self._idle.append(self.connection)

    def release_later(self) -> None:
        """Let others have the connection when the end has come, for which nobody waits."""
        self._ending.append(self.connection)

    def cancel(self) -> None:
        """Have the actions of the work cancelled."""
        # Processes that were forked meanwhile have this end, too.
        with (
            contextlib.suppress(OSError),
            socket.fromfd(self.connection.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as end,
        ):
            end.shutdown(socket.SHUT_RDWR)
        self.connection.close()


class LeaseStream:
    """The leases of a worker, as they come."""

    def __init__(self, name: str, connection: Connection[Any, Any]) -> None:
        self._name = name
        self._connection = connection

    def next(self, timeout: float | None) -> TakenUp | Leased | LeaseWithdrawn | None:
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
        assert isinstance(part, TakenUp | Leased | LeaseWithdrawn)
        return part


def _ask(connection: Connection[Any, Any], name: str, args: tuple[object, ...]) -> None:
    connection.send_bytes(pickle.dumps((name, args), pickle.HIGHEST_PROTOCOL))


def _died(name: str) -> ServerUnusable:
    return ServerUnusable(f"the process that speaks to {quoted(name)} died")
