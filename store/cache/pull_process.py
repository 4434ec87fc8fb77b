"""The process that a pull is done in, and its dialogue with the one that has the index.

Threads and connections stay there: the process that forked it forks builds, too. It ends as that
one lets go of it, or ends itself. Killed at any time, it leaves what a later pull goes on with.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Callable, Collection, Sequence
from multiprocessing.connection import Connection, Pipe
from typing import Any, Final, NamedTuple

from store.cache.head_search import Missing
from store.cache.offering import ObjectOffers
from store.cache.transfer import Transfer, TransferParts, Transferred
from store.errors import StoreError, storage_error
from store.events import Event, Progress, Waiting
from store.index.content_table import ContentTable
from store.jobs.process import kill, live, received
from store.layout.paths import Layout
from store.model.names import ObjectId
from store.system import system_call
from store.system.forking import fork
from store.system.locks import SharedLocks
from store.system.parallel import uncollected
from store.system.steps import Steps

KEY: Final = b"cache"
"""The key of the events of a pull."""

NAME: Final = "a pull from a cache"

_KEPT: Final = 64 << 20
"""Bytes of freed memory that are kept: buffers for what arrives are made and freed all the time."""

EVERY: Final = 0.1
"""Seconds between two events at least."""


class _Question(NamedTuple):
    """Objects of which some may be missing."""

    objects: frozenset[ObjectId]


class PullProcess:
    """A process that takes the goals from ``offers``. ``claims`` are this process's, too. No cache
    is asked for objects of ``without``."""

    def __init__(
        self,
        layout: Layout,
        offers: Sequence[ObjectOffers],
        goals: Collection[ObjectId],
        claims: SharedLocks,
        reserve: int,
        without: frozenset[ObjectId] = frozenset(),
    ) -> None:
        self._connection, theirs = Pipe()

        def life() -> None:
            self._connection.close()  # else it would never see the other end close
            system_call.keep_memory(_KEPT)
            live(lambda: PullLife(theirs, layout, offers, claims, reserve, without).work(goals))

        self.pid = fork(life, own_group=True)
        theirs.close()

    def result(self, missing: Missing, emit: Callable[[Event], None]) -> Steps[Transferred]:
        """Act as :func:`transferred`."""
        return transferred(self._connection, missing, emit)

    def end(self) -> None:
        """Let the process remove its leftovers, and wait for its end."""
        self._connection.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def reap(self) -> None:
        """Wait for the end of the process, which was killed."""
        self.end()

    def cancel(self) -> None:
        """End the process at once."""
        kill(self)


def transferred(
    connection: Connection[Any, Any], missing: Missing, emit: Callable[[Event], None]
) -> Steps[Transferred]:
    """Wait for the end of the transfer, and answer questions until then. Raises the error of this
    store that prevented it."""
    while True:
        yield connection
        message = received(connection, NAME)
        if isinstance(message, _Question):
            connection.send(missing(message.objects))
        elif isinstance(message, Transferred):
            return message
        elif isinstance(message, Exception):
            raise message
        else:
            assert isinstance(message, Progress | Waiting)
            emit(message)


class PullLife:
    """One pull in its process, and the dialogue over ``connection``."""

    def __init__(
        self,
        connection: Connection[Any, Any],
        layout: Layout,
        offers: Sequence[ObjectOffers],
        claims: SharedLocks,
        reserve: int,
        without: frozenset[ObjectId] = frozenset(),
    ) -> None:
        self._connection = connection
        self._offers = offers
        self._told = 0.0
        self._parts = TransferParts(
            layout=layout,
            offers=offers,
            missing=self._missing,
            holders=ContentTable(layout.index),
            claims=claims,
            reserve=reserve,
            waiting=self._waiting,
            progress=self._progress,
            without=without,
        )

    def work(self, goals: Collection[ObjectId]) -> None:
        """Take the goals, and end when the other side says so, or has ended."""
        os.umask(0o022)
        _allow_open_files()
        transfer = None
        try:
            with uncollected():
                transfer = Transfer(self._parts)
                self._connection.send(transfer.run(goals))
        except Exception as error:
            self._end(transfer)
            if isinstance(error, OSError):
                error = storage_error(error, "cannot take objects from a cache")
            if not isinstance(error, StoreError):
                raise
            self._connection.send(error)
        else:
            # The folders stay locked until the objects are registered.
            transfer.tell_contents()
            with contextlib.suppress(EOFError, ConnectionError):
                self._connection.recv()
            self._end(transfer)

    def _end(self, transfer: Transfer | None) -> None:
        if transfer is not None:
            transfer.close()
        self._parts.holders.close()
        for offer in self._offers:
            offer.close()

    def _missing(self, oids: Collection[ObjectId]) -> set[ObjectId]:
        self._connection.send(_Question(frozenset(oids)))
        answer: set[ObjectId] = self._connection.recv()
        return answer

    def _waiting(self, oid: ObjectId) -> None:
        self._connection.send(Waiting(KEY, oid.name))

    def _progress(self, done: int, total: int, objects: int) -> None:
        now = time.monotonic()
        if now - self._told >= EVERY:
            self._told = now
            self._connection.send(Progress(KEY, NAME, done, total, objects))


def _allow_open_files() -> None:
    """Let this process have a folder open for each of many objects."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
