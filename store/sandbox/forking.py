"""Doing something in a process that has one thread, whatever the caller has."""

from __future__ import annotations

import os
import pickle
import select
import signal
from collections.abc import Callable
from typing import TypeVar

from store.errors import StoreError
from store.system import forks, kernel

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds that a child may take to end what it started."""


def with_one_thread(action: Callable[[], T]) -> T:
    """Call ``action`` here if this process has one thread, else in a forked child.

    Result and exception have to be picklable. When this is interrupted, so is the child: what it
    started has ended when this raises.
    """
    return action() if kernel.threads() == 1 else _in_child(action)


def _in_child(action: Callable[[], T]) -> T:
    caller = os.getpid()
    readable, writable = os.pipe2(os.O_CLOEXEC)
    pid = forks.fork(lambda: signal.signal(signal.SIGTERM, _interrupt))
    if pid == 0:
        kernel.die_with_parent(caller)
        _answer(action, writable)
    os.close(writable)
    try:
        with os.fdopen(readable, "rb") as stream:
            answer = stream.read()
    except BaseException:
        _stop(pid)
        raise
    finally:
        os.waitpid(pid, 0)
    if not answer:
        raise StoreError("the process that ran the build was killed")
    worked, value = pickle.loads(answer)  # noqa: S301 (written by our own child)
    if not worked:
        raise value
    return value  # type: ignore[no-any-return]


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _stop(pid: int) -> None:
    """Have the child stop what it does, and kill it when it does not end."""
    pidfd = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGTERM)
        if not select.select([pidfd], [], [], PATIENCE)[0]:
            os.kill(pid, signal.SIGKILL)
    finally:
        os.close(pidfd)


def _answer(action: Callable[[], object], fd: int) -> None:
    """Never returns: this is the end of the child."""
    status = 1
    try:
        try:
            answer = (True, action())
        except Exception as error:
            answer = (False, error)
        with os.fdopen(fd, "wb") as stream:
            pickle.dump(answer, stream)
        status = 0
    finally:
        os._exit(status)
