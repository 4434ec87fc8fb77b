"""Kill -9, before every call that changes the disk, and at random instants.

Between two such calls nothing that lasts can differ, so that a kill before each of them is a kill
at every instant that matters. Of several processes, the first to come to its N-th call of a kind
is killed; processes below it die with it. At a random instant, all are killed at once.
"""

from __future__ import annotations

import re
import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import median

from tests.faults.running import Clock, Done
from tests.faults.subjects import Workshop
from tests.faults.tally import Tally

DURABLE = (
    *("write", "writev", "pwrite64", "pwritev", "fsync", "fdatasync", "syncfs", "msync"),
    *("mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2"),
    *("link", "linkat", "symlink", "symlinkat", "ftruncate", "truncate", "fallocate"),
    *("chmod", "fchmod", "fchmodat", "utimensat", "copy_file_range", "sendfile"),
)
"""System calls that change the disk, or wait for it."""

_CALL = re.compile(r"^(\d+) +(?:<\.\.\. )?([a-z0-9_]+)(?:\(| resumed)", re.MULTILINE)


def steps(trace: str) -> dict[str, int]:
    """The most calls of each kind that one process made."""
    counted = Counter((pid, call) for pid, call in _CALL.findall(_without_unfinished(trace)))
    most: dict[str, int] = {}
    for (_, call), count in counted.items():
        most[call] = max(count, most.get(call, 0))
    return most


def _without_unfinished(trace: str) -> str:
    """Without the first halves of calls that another process's came between."""
    return "\n".join(line for line in trace.splitlines() if not line.endswith("<unfinished ...>"))


def at_every_step(shop: Workshop, tally: Tally, clock: Clock, seed: int) -> None:
    """Kill the subject before each durable step, in random order, while there is time; once at
    least."""
    calls = ",".join(DURABLE)
    with shop.copy() as folder:
        whole = shop.run(folder, strace=["-e", f"trace={calls}"])
    points = list(_each(steps(whole.trace)))
    Random(f"{seed} {shop.subject.name} steps").shuffle(points)
    tally.counts["steps"] += len(points)
    for call, number in points:
        if tally.counts["kills at a step"] and not clock.running():
            return
        inject = f"inject={call}:signal=SIGKILL:when={number}"
        with shop.copy() as folder:
            done = shop.run(folder, strace=["-e", f"trace={call}", "-e", inject])
            if "killed by SIGKILL" not in done.trace:
                continue  # the processes shared the work differently this time
            where = f"{shop.subject.name}, killed before {call} {number}"
            tally.add("kills at a step", _after(shop, folder, done), where)


def _each(most: dict[str, int]) -> Iterator[tuple[str, int]]:
    for call, count in sorted(most.items()):
        yield from ((call, number) for number in range(1, count + 1))


def at_random(shop: Workshop, tally: Tally, clock: Clock, seed: int) -> None:
    """Kill the subject's whole process group, at instants spread over its run, again and again,
    until the time is over; once at least."""
    chosen = Random(f"{seed} {shop.subject.name} instants")
    recent = deque([_whole_run(shop)], maxlen=9)
    while clock.running() or not tally.counts["kills at an instant"]:
        seconds = chosen.uniform(0, median(recent))
        with shop.copy() as folder:
            before = time.monotonic()
            done = shop.run(folder, kill_after=seconds)
            where = f"{shop.subject.name}, killed after {seconds:.4f} s (seed {seed})"
            if done.code >= 0:
                # How long a run takes depends on what else the machine does just now.
                recent.append(time.monotonic() - before)
            what = "kills at an instant" if done.code < 0 else "runs that ended before the kill"
            tally.add(what, _after(shop, folder, done), where)


def _whole_run(shop: Workshop) -> float:
    """Seconds that the subject takes when nobody hurts it."""
    with shop.copy() as folder:
        before = time.monotonic()
        shop.run(folder)
        return time.monotonic() - before


def _after(shop: Workshop, folder: Path, done: Done) -> list[str]:
    return shop.lost(folder, done) + shop.recover(folder)
