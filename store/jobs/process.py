"""Worker processes as their masters see them: forked, listened to, reaped, killed."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from typing import Any, Protocol, TypeAlias

from store.errors import StoreError, storage_error
from store.system.forking import fork

PATIENCE = 5.0
"""Seconds for which the end of a killed process is waited for."""

Send: TypeAlias = Callable[[object], None]
Action: TypeAlias = Callable[[Send], object]


class Worker:
    """One action in a process of its own. ``connection`` becomes readable when it has something.

    The action may send events while it goes; then comes its result, or the error that it raised,
    events of ``finish``, which tidies up, and after that the end of the pipe.
    """

    renewed = False
    """Its work folder is for nobody else."""

    def __init__(self, name: str, action: Action, finish: Callable[[Send], None]) -> None:
        self._name = name
        self.connection, theirs = Pipe(duplex=False)
        self.pid = fork(lambda: _child(action, finish, theirs), own_group=True)
        theirs.close()

    def receive(self) -> object:
        """Return the next message; a StoreError when the process died without a last word."""
        return received(self.connection, self._name)

    def reap(self) -> None:
        """Wait for the process's end."""
        self.connection.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def kill(self) -> None:
        """End the process and everything below it, and reap it."""
        kill(self)


class JobWorker(Protocol):
    """One job as its master sees it: messages, of which the last but one is its result or its
    error. ``connection`` becomes readable when there is one."""

    connection: Connection[Any, Any]
    pid: int
    renewed: bool
    """True if its work folder can be used for another build, once it is over."""

    def receive(self) -> object:
        """Return the next message; a StoreError when the process died without a last word."""

    def reap(self) -> None:
        """Let go of the process, as the job is over."""

    def kill(self) -> None:
        """End the job at once."""


class Reapable(Protocol):
    """A process that is to be waited for, or that was."""

    pid: int

    def reap(self) -> None:
        """Wait for its end."""


def kill(process: Reapable) -> None:
    """End a process and everything below it, and reap it.

    One that hangs in a call of the kernel which nothing ends is left to the kernel after some time.
    """
    for send in (os.kill, os.killpg):
        # Its group, too: its children would else live on while the process itself hangs.
        with contextlib.suppress(ProcessLookupError):
            send(process.pid, signal.SIGKILL)
    if _ended(process.pid):
        process.reap()


def _ended(pid: int) -> bool:
    """Return whether a killed child of ours has ended by now, or within some time."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return bool(poll.poll(PATIENCE * 1000))
    finally:
        os.close(fd)


def received(connection: Connection[Any, Any], name: str) -> object:
    """Return the next message of a process that works for ``name``; a StoreError when it died, or
    when a system call failed in it."""
    try:
        message = connection.recv()
    except (EOFError, pickle.UnpicklingError, OSError):
        return StoreError(f"the worker for {name} died")
    if isinstance(message, OSError):
        return storage_error(message, f"a system call failed for {name}")
    return message


def _child(
    action: Action, finish: Callable[[Send], None], connection: Connection[Any, Any]
) -> None:
    def work() -> None:
        try:
            connection.send(action(connection.send))
        except Exception as error:
            connection.send(error)
        # After the result: its referrers can start while a build's tree is being removed.
        with contextlib.suppress(OSError):  # the master tries once more
            finish(connection.send)

    live(work)


def live(work: Callable[[], None]) -> None:
    """Do the work of a worker's process; an unforeseen error is printed."""
    try:
        work()
    except (EOFError, ConnectionError):
        pass  # the master has ended
    except BaseException:
        traceback.print_exc()
        raise
