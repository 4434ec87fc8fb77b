"""Running work under a limit of memory and of processor time, in a process of its own."""

from __future__ import annotations

import os
import resource
import signal
import traceback
from collections.abc import Callable
from typing import NoReturn

MEMORY = 384 << 20
"""Bytes that a reader may take on top of what the process has already."""

SECONDS = 10.0
"""Processor time that a reader may take; other programs that run meanwhile do not count."""


def within(work: Callable[[], object], *, memory: int = MEMORY, seconds: float = SECONDS) -> None:
    """Run ``work`` in a child; AssertionError when it raises, or goes beyond ``memory`` (bytes) or
    ``seconds``."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(out)
        _run(work, into, memory, seconds)
    os.close(into)
    with os.fdopen(out, "r", errors="replace") as stream:
        told = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status != -signal.SIGPROF, f"it took more than {seconds} seconds"
    assert status == 0, told[-2000:] or f"it ended with {status}"


def _run(work: Callable[[], object], into: int, memory: int, seconds: float) -> NoReturn:
    status = 1
    try:
        most = _data() + memory
        resource.setrlimit(resource.RLIMIT_DATA, (most, resource.RLIM_INFINITY))
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        work()
        status = 0
    except BaseException:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        os.write(into, traceback.format_exc(limit=-6)[-4000:].encode("utf-8", "replace"))
    finally:
        os._exit(status)


def _data() -> int:
    """Bytes of memory of its own that this process has now."""
    with open("/proc/self/status", encoding="ascii") as stream:
        found = next(line for line in stream if line.startswith("VmData:"))
    return int(found.split()[1]) << 10
