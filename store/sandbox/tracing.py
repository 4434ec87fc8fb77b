"""The tracer of an audit's build: init, of the builder and everything that it starts.

A build is traced only for things that nothing else can change: the time and the order of
directories. Threads stop, by a filter of their own, at the calls for these, and at no others;
besides at births, signals and execve(2), where the kernel always stops traced threads. See
ptrace(2) for the kinds of stops; all threads are seized, or born to seized ones.

The kernel lets a process have one tracer, so a builder that is itself one fails.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
from collections.abc import Callable
from typing import Final, NoReturn

from store.sandbox.emulation import Afterwards, Pretence
from store.system import kernel, ptrace

OPTIONS: Final = (
    ptrace.PTRACE_O_EXITKILL
    | ptrace.PTRACE_O_TRACESYSGOOD
    | ptrace.PTRACE_O_TRACEFORK
    | ptrace.PTRACE_O_TRACEVFORK
    | ptrace.PTRACE_O_TRACECLONE
    | ptrace.PTRACE_O_TRACEEXEC
    | ptrace.PTRACE_O_TRACESECCOMP
)
CALL_RETURNED: Final = signal.SIGTRAP | 0x80
WILD: Final = (struct.error, ValueError, OverflowError, IndexError)
"""Errors of reading numbers that a builder made up."""
GROUP_STOPS: Final = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)


class Tracer:
    """Starts one builder and sees it through to its end."""

    def __init__(self, pretence: Pretence) -> None:
        self._pretence = pretence
        self._program = pretence.program()
        self._afterwards: dict[int, Afterwards] = {}

    def start(self, execute: Callable[[], NoReturn]) -> int:
        """Return a traced child that calls ``execute``, which must end in execve(2) or an exit.

        Raises ``OSError`` when the kernel does not let us trace.
        """
        reading, writing = os.pipe2(os.O_CLOEXEC)
        # The child has to be dumpable, as we must not be, or we may not trace it.
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
        child = kernel.clone(0)
        if child == 0:
            os.close(writing)
            if not os.read(reading, 1):
                os._exit(1)
            kernel.seccomp(self._program)
            execute()
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        ptrace.seize(child, OPTIONS)
        os.write(writing, b"!")
        os.close(reading)
        os.close(writing)
        return child

    def wait(self) -> tuple[int, int]:
        """Wait as ``os.wait``, for the next process that ends; returns it and its status."""
        while True:
            thread, status = os.waitpid(-1, ptrace.WALL)
            if not os.WIFSTOPPED(status):
                self._forget(thread)
                return thread, status
            self._attend(thread, os.WSTOPSIG(status), status >> 16)

    def _attend(self, thread: int, number: int, event: int) -> None:
        """Handle a stop and let the thread go on."""
        how, passed_on = ptrace.PTRACE_CONT, 0
        # A thread may be killed at any moment, its memory be closed to us, and hold anything, as
        # other threads write to it: then there is nothing to be done.
        with contextlib.suppress(OSError, *WILD):
            if event == ptrace.PTRACE_EVENT_SECCOMP:
                if afterwards := self._pretence.enter(thread):
                    self._afterwards[thread] = afterwards
                    how = ptrace.PTRACE_SYSCALL
            elif event == ptrace.PTRACE_EVENT_EXEC:
                self._forget(thread)
                self._pretence.started(thread)
            elif event == ptrace.PTRACE_EVENT_STOP:
                if number in GROUP_STOPS:
                    how = ptrace.PTRACE_LISTEN  # stopped, as a shell stops a job, until SIGCONT
            elif event == 0 and number == CALL_RETURNED:
                if afterwards := self._afterwards.pop(thread, None):
                    afterwards()
            elif event == 0:
                passed_on = number
        with contextlib.suppress(OSError):
            ptrace.resume(thread, how, passed_on)

    def _forget(self, thread: int) -> None:
        self._afterwards.pop(thread, None)
        self._pretence.ended(thread)
