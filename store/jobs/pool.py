"""Workers that stand by: processes that do one build after another.

A fork of its own for each build costs more than a small build itself: the page tables are copied,
and then every page that either of the two writes to. A worker of a team is forked once, and pays
for its pages once. A fork would inherit the claims, the hold of the work folder and the pipe of
tokens. They are handed over with each job, as descriptors, and closed at its end.

A worker in which a job has failed, or that has grown, ends: none works on the leftovers of an
error, and none makes the builds below it pay for the memory of one before.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import select
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any, Final

from store.index.content_table import ContentTable
from store.jobs.job import Job, perform
from store.jobs.pending_contents import PendingContents
from store.jobs.process import Send, kill, live, received
from store.jobs.work_removal import remove_work, telling
from store.layout.paths import Layout
from store.sandbox import reuse
from store.system.forking import fork
from store.system.locks import DirectoryLock, SharedLocks

GROWTH: Final = 32 << 10
"""KiB that a worker's memory may have grown by since it was forked."""

PAUSE: Final = 0.05
"""Seconds without a job after which a worker notes the entries that wait."""

_MARK: Final = b"!"  # a byte to send descriptors with; the job follows


@dataclass(frozen=True)
class WorkerIdle:
    """The worker is free. The work folder is fit for another build, if ``renewed``; else removed
    as far as that was possible."""

    renewed: bool


class PoolWorker:
    """One process of a team. ``connection`` becomes readable when it has something."""

    def __init__(self, layout: Layout) -> None:
        ours, theirs = socket.socketpair()

        def serve() -> None:
            ours.close()
            live(lambda: _serve(layout, theirs))

        self.pid = fork(serve, own_group=True)
        theirs.close()
        self.socket = ours
        self.connection: Connection[Any, Any] = Connection(os.dup(ours.fileno()))

    def send(self, kind: str, job: Job, hold: DirectoryLock) -> None:
        """Give it a job. OSError when its process has ended."""
        pipe = job.jobserver or ()
        claims = () if job.claims is None else (job.claims.fileno(),)
        plain = replace(job, jobserver=None, claims=None)
        told = pickle.dumps((kind, plain, len(pipe), len(claims)), pickle.HIGHEST_PROTOCOL)
        socket.send_fds(self.socket, [_MARK], [hold.fileno(), *pipe, *claims])
        self.connection.send_bytes(told)

    def reap(self) -> None:
        """Wait for the process's end, which comes at once if it has nothing to do."""
        # Closing alone would not tell it: workers that were forked later have this end, too.
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.connection.close()
        self.socket.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def kill(self) -> None:
        """End the process and everything below it, and reap it."""
        kill(self)


class PooledJob:
    """One job of a worker, with the face of a :class:`~store.jobs.process.Worker`."""

    def __init__(self, pool: WorkerPool, worker: PoolWorker, name: str) -> None:
        self._pool = pool
        self._worker: PoolWorker | None = worker
        self._name = name
        self._tidied = False
        self.renewed = False
        """True if the work folder can be used for another build, once the job is over."""
        self.connection = worker.connection
        self.pid = worker.pid

    def receive(self) -> object:
        """Return the next message; a StoreError when the process died without a last word."""
        message = received(self.connection, self._name)
        if isinstance(message, WorkerIdle):
            self._tidied, self.renewed = True, message.renewed
        return message

    def reap(self) -> None:
        """Free the process for another job, or wait for its end, as the job is over."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        if self._tidied:
            self._pool.idle.append(worker)
        else:
            worker.reap()

    def kill(self) -> None:
        """End the process and everything below it, and reap it."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()


class WorkerPool:
    """As many workers as were needed at once."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.idle: list[PoolWorker] = []

    def start(self, kind: str, job: Job, hold: DirectoryLock) -> PooledJob:
        """Have a job done, whose work folder is held by ``hold``."""
        while self.idle:
            with contextlib.suppress(OSError):  # it was killed from outside while it was idle
                return self._give(self.idle.pop(), kind, job, hold)
        return self._give(PoolWorker(self._layout), kind, job, hold)

    def _give(self, worker: PoolWorker, kind: str, job: Job, hold: DirectoryLock) -> PooledJob:
        """Send a job to a worker, which ends if it cannot get all of it."""
        try:
            worker.send(kind, job, hold)
        except BaseException:
            worker.kill()
            raise
        return PooledJob(self, worker, job.node.name)

    def close(self) -> None:
        """End the workers that have nothing to do."""
        while self.idle:
            self.idle.pop().reap()


def _serve(layout: Layout, channel: socket.socket) -> None:
    """Live as a worker: until nobody has a job for it, one fails in it, or it has grown."""
    connection: Connection[Any, Any] = Connection(os.dup(channel.fileno()))
    limit = resident() + GROWTH
    holders = PendingContents(ContentTable(layout.index))
    while received := _next_job(channel, connection, holders):
        kind, plain, descriptors = received
        job = replace(plain, holders=holders)
        try:
            connection.send(perform(layout, kind, job, connection.send))
            fit = resident() <= limit
        except Exception as error:
            connection.send(error)
            fit = False
        # After the result: its referrers can start while a build's tree is being removed.
        renewed = _tidy(job, connection.send, renew=fit)
        for fd in descriptors:
            os.close(fd)
        if not fit:
            holders.flush()
            break
        connection.send(WorkerIdle(renewed))


def _tidy(job: Job, send: Send, *, renew: bool) -> bool:
    """Make the work folder fit for another build, or else remove it; returns whether it is fit."""
    with contextlib.suppress(OSError):
        if renew:
            kept = tuple(map(str, job.closure))
            reuse.renew(job.work_dir, kept, telling(job.digest, job.node.name, send))
            return True
    with contextlib.suppress(OSError):  # the master tries once more
        remove_work(job, send)
    return False


def _next_job(
    channel: socket.socket, connection: Connection[Any, Any], holders: PendingContents
) -> tuple[str, Job, Sequence[int]] | None:
    """Receive a job as :func:`_receive`; while there is none for some time, waiting entries are
    noted."""
    if holders.pending and not select.select([channel], [], [], PAUSE)[0]:
        holders.flush()
    found = _receive(channel, connection)
    if found is None:
        holders.flush()
    return found


def _receive(
    channel: socket.socket, connection: Connection[Any, Any]
) -> tuple[str, Job, Sequence[int]] | None:
    """Return the next job: its kind, itself, and the descriptors to be closed after it; None when
    there is none to come."""
    mark, descriptors, _, _ = socket.recv_fds(channel, len(_MARK), 4, socket.MSG_CMSG_CLOEXEC)
    if not mark:
        return None
    # Written by our own master, over a socket that nobody else has.
    kind, job, pipe, claims = pickle.loads(connection.recv_bytes())  # noqa: S301
    server = (descriptors[1], descriptors[2]) if pipe else None
    claimed = SharedLocks.shared(descriptors[1 + pipe]) if claims else None
    return kind, replace(job, jobserver=server, claims=claimed), descriptors


def resident() -> int:
    """Return KiB of this process that are in memory."""
    # As it is: a process inherits the peak of the one that it was forked from.
    with open("/proc/self/statm", "rb") as sizes:
        return int(sizes.read().split()[1]) * resource.getpagesize() >> 10
