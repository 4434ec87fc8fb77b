"""Runs processes and says what they took: seconds, by the wall and of processors, and memory."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import statistics
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class Failed(Exception):
    """A process that had to succeed did not, or a result is not what it must be."""


def check(found: int, expected: int, what: str) -> None:
    """Failed, unless there are as many as there must be."""
    if found != expected:
        raise Failed(f"{what}: {found:,}, not {expected:,}")


@dataclass(frozen=True)
class Spent:
    """``seconds`` of wall time; ``processor`` seconds, the kernel's included, of the process and of
    all below it that it waited for; its output.

    ``stopped`` says that the process was killed when its time was up: it would have taken longer.
    """

    seconds: float
    processor: float
    output: bytes = b""
    stopped: bool = False


@dataclass(frozen=True)
class Work:
    """A whole process: its command line, environment, and a file for its input.

    If it takes longer than ``patience`` seconds, it is killed with all that it started. ``status``
    is what it is to exit with. All files below the folder ``warm`` are read before it begins, so
    that the work is measured and not the disk: a machine may take memory away within a minute.
    """

    words: tuple[str, ...]
    env: Mapping[str, str]
    stdin: str | None = None
    patience: float | None = None
    status: int = 0
    warm: str | None = None


def run(work: Work, scratch: str) -> Spent:
    """Run a process that must exit as it is to (Failed).

    Output goes to files in the folder ``scratch``, so that no pipe slows it.
    """
    if work.warm is not None:
        read_all(work.warm)
    with (
        open(work.stdin or os.devnull, "rb") as source,
        open(f"{scratch}/output", "w+b") as output,
        open(f"{scratch}/errors", "w+b") as errors,
    ):
        began = time.perf_counter()
        process = subprocess.Popen(
            work.words,
            env=dict(work.env),
            cwd=scratch,
            stdin=source,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        stopped, status, usage = _wait(process, work.patience)
        seconds = time.perf_counter() - began
        if status != work.status and not stopped:
            errors.seek(0)
            tail = errors.read()[-2000:].decode(errors="replace")
            raise Failed(f"{' '.join(work.words)}: exit status {status}\n{tail}")
        output.seek(0)
        processor = usage.ru_utime + usage.ru_stime
        return Spent(seconds, processor, output.read(), stopped)


def _wait(
    process: subprocess.Popen[bytes], patience: float | None
) -> tuple[bool, int, resource.struct_rusage]:
    """Return whether the process was stopped, its exit status, and what it used."""
    stopped = threading.Event()

    def stop() -> None:
        stopped.set()
        _kill(process.pid)

    timer = threading.Timer(patience or threading.TIMEOUT_MAX, stop)
    timer.daemon = True
    timer.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        _kill(process.pid)
        process.wait()
        raise
    finally:
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return stopped.is_set(), process.returncode, usage


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def read_all(folder: str) -> None:
    """Read each file below a folder, so that the kernel has it in memory. OSError."""
    buffer = bytearray(1 << 20)
    for path, _, names in os.walk(folder):
        for name in names:
            fd = _opened(f"{path}/{name}")
            if fd is None:
                continue  # a link
            with open(fd, "rb", 0) as stream:
                while stream.readinto(buffer):
                    pass


def _opened(path: str) -> int | None:
    """Open a file, if it is one, and note no time where this user may do without."""
    flags = os.O_RDONLY | os.O_NOFOLLOW
    try:
        return os.open(path, flags | os.O_NOATIME)
    except PermissionError:
        return os.open(path, flags)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return None


@dataclass(frozen=True)
class Pairs:
    """The same work done by both in turns: A, B, A, B, …; a slow moment slows both.

    Without a peer, ``theirs`` is empty.
    """

    ours: tuple[Spent, ...]
    theirs: tuple[Spent, ...]

    @property
    def seconds(self) -> float:
        """Our median."""
        return statistics.median(spent.seconds for spent in self.ours)

    @property
    def peer_seconds(self) -> float | None:
        """The peer's median."""
        return statistics.median(each.seconds for each in self.theirs) if self.theirs else None

    @property
    def processor(self) -> float:
        """Our median of processor seconds."""
        return statistics.median(spent.processor for spent in self.ours)

    @property
    def peer_processor(self) -> float | None:
        """The peer's."""
        return statistics.median(each.processor for each in self.theirs) if self.theirs else None

    @property
    def ratio(self) -> float | None:
        """The median of the pairs' ratios, ours to the peer's."""
        if not self.theirs:
            return None
        pairs = zip(self.ours, self.theirs, strict=True)
        return statistics.median(ours.seconds / theirs.seconds for ours, theirs in pairs)

    @property
    def stopped(self) -> bool:
        """True if the peer was stopped: the ratio is at most :attr:`ratio`."""
        return any(spent.stopped for spent in self.theirs)


def in_turns(sides: Sequence[Sequence[Work]], scratch: str) -> list[tuple[Spent, ...]]:
    """Do the first work of each side, then the second, and so on; earlier writes are synced away
    before each. Returns as many for each side."""
    spent: list[list[Spent]] = [[] for _ in sides]
    for turn in zip(*sides, strict=True):
        for side, work in zip(spent, turn, strict=True):
            os.sync()
            side.append(run(work, scratch))
    return list(map(tuple, spent))


def pairs(ours: Sequence[Work], theirs: Sequence[Work], scratch: str) -> Pairs:
    """Do each work of ours and then the peer's, if there is one."""
    mine, *other = in_turns([ours, theirs] if theirs else [ours], scratch)
    return Pairs(mine, other[0] if other else ())
