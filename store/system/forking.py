"""Child processes of this one: the life of one after the fork, and calls that are answered by one.

A child sees all that was there when it was forked, and never outlives the process that forked it.
"""

from __future__ import annotations

import gc
import os
import select
import signal
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, NoReturn, TypeVar

from store.errors import HelperEnded
from store.system import kernel

R = TypeVar("R")

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that ask a process to end."""

PATIENCE = 5.0
"""Seconds that a child has to end what it started, when it is asked to end."""


def fork(
    life: Callable[[], object], *, own_group: bool = False, interruptible: bool = False
) -> int:
    """Fork a child that runs ``life`` and ends with status 0, or 1 when that raised; returns its
    process id. OSError when there can be no more processes.

    With ``own_group``, it leads a process group: a terminal's Ctrl-C is not for it. SIGTERM ends
    it at once, or raises KeyboardInterrupt in it if it is ``interruptible``.

    A signal that comes meanwhile is for the parent; if its handler raises, the child is killed
    first. Python runs hooks around a fork, and ignores errors of a handler in one. So these signals
    are blocked until the child has handlers of its own.
    """
    parent = os.getpid()
    former = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    pid = -1
    try:
        pid = os.fork()
        if pid == 0:
            _live(life, parent, former, own_group, interruptible)
    finally:
        _unblock(former, pid)
    return pid


def _live(
    life: Callable[[], object],
    parent: int,
    former: set[int | signal.Signals],
    own_group: bool,
    interruptible: bool,
) -> NoReturn:
    """Run all that happens in the child; no signal reaches it until it has its handlers."""
    status = 1
    try:
        # The parent's values are not looked through for garbage: each look would copy their pages.
        gc.freeze()
        if own_group:
            os.setpgid(0, 0)
        for number in ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        if interruptible:
            signal.signal(signal.SIGTERM, _interrupt)
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
        kernel.die_with_parent(parent)
        life()
        status = 0
    finally:
        # Not sys.exit: the parent's own clean-up must not run twice.
        os._exit(status)


def _unblock(former: set[int | signal.Signals], pid: int) -> None:
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
    except BaseException:
        if pid > 0:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        raise


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


class ForkedCall(Generic[R]):
    """A call of ``work`` in a child; it is answered once, by a value or an exception, which have
    to be picklable."""

    def __init__(self, work: Callable[[], R], *, interruptible: bool = False) -> None:
        self._ended = False
        out, into = os.pipe2(os.O_CLOEXEC)
        self._stream = os.fdopen(out, "rb")
        try:
            self._pid = fork(lambda: _answer(work, into), interruptible=interruptible)
        except BaseException:
            self._stream.close()
            raise
        finally:
            os.close(into)

    def fileno(self) -> int:
        """Return a descriptor that becomes readable with the answer."""
        return self._stream.fileno()

    def result(self) -> R:
        """Wait for the value; raises what the work raised, or HelperEnded."""
        try:
            data = self._stream.read()
        except BaseException:
            self.stop()
            raise
        self._stream.close()
        status = self._wait()
        if status != 0:
            raise HelperEnded(status)
        import pickle  # takes long to load, and short commands fork nothing

        # Written by our own child, over a pipe that no other process has.
        error, value = pickle.loads(data)  # noqa: S301
        if error is not None:
            raise error
        found: R = value
        return found

    def cancel(self) -> None:
        """End the child at once, if it has not ended, and wait for its end."""
        self._stream.close()
        if not self._ended:
            os.kill(self._pid, signal.SIGKILL)
            self._wait()

    def stop(self) -> None:
        """Ask the child to end, and end it when it does not."""
        if not self._ended:
            pidfd = os.pidfd_open(self._pid)
            try:
                os.kill(self._pid, signal.SIGTERM)
                select.select([pidfd], [], [], PATIENCE)
            finally:
                os.close(pidfd)
        self.cancel()

    def _wait(self) -> int:
        self._ended = True
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


def _answer(work: Callable[[], Any], into: int) -> None:
    import pickle

    try:
        outcome: tuple[Exception | None, Any] = (None, work())
    except Exception as error:
        outcome = (error, None)
    with os.fdopen(into, "wb") as stream:
        pickle.dump(outcome, stream, pickle.HIGHEST_PROTOCOL)


def results(calls: Sequence[ForkedCall[R]]) -> list[R]:
    """Return every call's value, in order. When one raises, the others are cancelled first."""
    found = []
    for number, call in enumerate(calls):
        try:
            found.append(call.result())
        except BaseException:
            for other in calls[number + 1 :]:
                other.cancel()
            raise
    return found


def with_one_thread(action: Callable[[], R]) -> R:
    """Call ``action`` here if this process has one thread, else in a child, which has one.

    Raises its errors, or HelperEnded. When this is interrupted, so is the child: the processes that
    it started have ended when this raises.
    """
    if kernel.threads() == 1:
        return action()
    return ForkedCall(action, interruptible=True).result()
