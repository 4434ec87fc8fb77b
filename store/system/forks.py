"""Forking, so that a signal which asks this process to end is neither lost nor taken twice.

Python runs hooks around a fork, and ignores what a handler raises in one: Ctrl-C, or SIGTERM, at
that moment would change nothing. And until the child has handlers of its own, it would act as its
parent, and clean up what is the parent's.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Final

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that ask a process to end."""


def default_signals() -> None:
    """Let the signals that ask this process to end do so at once, but for those it ignores."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def fork(begin: Callable[[], object] = default_signals) -> int:
    """Fork: 0 in the child, its process id in the parent; OSError when there can be no more.

    No signal reaches the child before ``begin``, which sets its handlers, has returned. One that
    comes meanwhile is for the parent; if its handler raises, the child is killed first.
    """
    former = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        pid = os.fork()
        if pid == 0:
            begin()
    except OSError:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
        raise
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
    except BaseException:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        raise
    return pid
