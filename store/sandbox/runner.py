"""Runs one build: starts the sandbox, watches it, and says how it went."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from store.errors import SandboxUnavailable
from store.sandbox.build_log import Log
from store.sandbox.diagnosis import diagnose
from store.sandbox.namespaces import ProcessTree
from store.sandbox.preparation import prepare
from store.sandbox.request import BuildRequest, BuildResult, Stopped
from store.system.forking import with_one_thread

TICK: Final = 0.1
"""Seconds between two looks at the disk and the clock. The end of a build is noticed at once."""

FEW: Final = 4096
"""Bytes of a log below which a builder is given a pause to write more: else each line, or each
byte of it, would wake us."""

PAUSE: Final = 0.005
"""Seconds of that pause."""

INODE_RESERVE: Final = 1024
"""Inodes that must stay free, where the file system counts them."""


def run(request: BuildRequest) -> BuildResult:
    """Run the builder in the sandbox until it ends or has to be stopped.

    Nothing of it is left running when this returns or raises. A builder that fails is a result.
    Raises ``SandboxUnavailable`` if the kernel refuses, and ``UnknownObject`` if an input is
    missing. From a process with several threads the build is run through one more process.
    """
    return with_one_thread(lambda: _run(request))


def _run(request: BuildRequest) -> BuildResult:
    began = time.monotonic()
    plan = prepare(request)
    log = Log(request.log_path, request.max_log)
    try:
        if plan.build_user is not None:
            log.give_to(plan.build_user)
        tree = ProcessTree(plan, (log.writing, log.writing))
        try:
            tree.start()
            stopped = _watch(request, tree.pidfd, log)
            tree.stop()
            told = tree.finish()
        finally:
            tree.close()
        log.drain()
        stopped = stopped or ("log" if log.full else None)
        result = read_report(told, stopped, time.monotonic() - began)
        return replace(result, log=log.digest())
    finally:
        log.close()


def _watch(request: BuildRequest, pidfd: int, log: Log) -> Stopped | None:
    """Wait for the end of the tree; why it has to be stopped, if it has to."""
    ended, poll = select.poll(), select.poll()
    ended.register(pidfd, select.POLLIN)
    for fd in (pidfd, log):
        poll.register(fd, select.POLLIN)
    spoke = look = now = time.monotonic()
    deadline = None if request.timeout is None else now + request.timeout
    while True:
        if now >= look:
            if disk_is_low(os.statvfs(request.work_dir), request.disk_reserve):
                return "disk"
            look = now + TICK
        if log.full:
            return "log"
        if deadline is not None and now >= deadline:
            return "timeout"
        if request.max_silent is not None and now >= spoke + request.max_silent:
            return "silent"
        ready = [fd for fd, _ in poll.poll(TICK * 1000)]
        if pidfd in ready:
            return None
        now = time.monotonic()
        if ready and (taken := log.take()):
            spoke = now
            if taken < FEW and ended.poll(PAUSE * 1000):
                return None


def disk_is_low(disk: os.statvfs_result, reserve: int) -> bool:
    """Return whether less than ``reserve`` bytes, or hardly an inode, is free. A reserve of 0 is
    none."""
    if reserve == 0:
        return False
    counts_inodes = disk.f_files > 0
    return disk.f_bavail * disk.f_frsize < reserve or (
        counts_inodes and disk.f_favail < INODE_RESERVE
    )


def read_report(
    told: Mapping[str, Sequence[str]], stopped: Stopped | None, wall: float
) -> BuildResult:
    """Return the children's reports as a result. Raises ``SandboxUnavailable`` if they got
    nowhere."""
    if "failed" in told and stopped is None:
        step, code = told["failed"]
        if int(code) == 0:
            raise SandboxUnavailable(f"the sandbox cannot be made: {step}")
        raise diagnose(step, int(code))
    _, user, system = told["gone"]
    status, kilobytes = told.get("exited", (str(int(signal.SIGKILL)), "0"))
    return BuildResult(
        status=-signal.SIGKILL if stopped else os.waitstatus_to_exitcode(int(status)),
        wall=wall,
        user=float(user),
        system=float(system),
        max_rss=int(kilobytes) * 1024,
        stopped=stopped,
        exec_error=told["unexecuted"][0] if "unexecuted" in told else None,
    )
