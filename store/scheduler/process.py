"""Worker processes as the scheduler sees them: forked, listened to, reaped, killed."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import traceback
from multiprocessing.connection import Connection, Pipe
from typing import Any

from store.errors import StoreError
from store.layout import Layout
from store.scheduler.work import Job, run_worker


class Worker:
    """One job in a process of its own. ``connection`` becomes readable when it has something."""

    def __init__(self, layout: Layout, kind: str, job: Job) -> None:
        self.job = job
        self.kind = kind
        self.connection, theirs = Pipe(duplex=False)
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _child(layout, kind, job, theirs, parent)
        theirs.close()

    def receive(self) -> object:
        """The next message; a StoreError when the process died without a last word."""
        try:
            return self.connection.recv()
        except (EOFError, pickle.UnpicklingError, OSError):
            return StoreError(f"the worker for {self.job.node.name} died")

    def reap(self) -> None:
        """Wait for the process's end."""
        self.connection.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def kill(self) -> None:
        """End the process and everything below it, and reap it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.reap()


def _child(
    layout: Layout, kind: str, job: Job, connection: Connection[Any, Any], parent: int
) -> None:
    status = 1
    try:
        run_worker(layout, kind, job, connection.send, parent)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        # Not sys.exit: the scheduler's own clean-up must not run twice.
        os._exit(status)
