"""System calls that fail: every call of a command that can return it, with each error that it can.

After each: one clear message with a documented exit code, and no traceback; the rule holds; and
the same command, run again without the fault, does all of its work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

from store import errors
from tests.faults.kills import steps
from tests.faults.running import Clock, Done
from tests.faults.subjects import Workshop
from tests.faults.tally import Tally

_SPACE = (
    *("openat", "write", "writev", "pwrite64", "pwritev", "mkdir", "mkdirat", "link", "linkat"),
    *("symlink", "symlinkat", "rename", "renameat", "renameat2", "ftruncate", "fallocate", "fsync"),
    *("fdatasync", "syncfs"),
)
_NAMES = ("unlink", "unlinkat", "rmdir", "chmod", "fchmod", "fchmodat", "utimensat")
_READS = (
    *("read", "pread64", "getdents64", "readlink", "readlinkat", "newfstatat", "statx", "statfs"),
    *("fstatfs", "lseek"),
)
_DESCRIPTORS = ("openat", "pipe2", "socket", "socketpair", "dup", "fcntl", "pidfd_open", "eventfd2")

FAULTS: Mapping[str, tuple[str, ...]] = {
    "ENOSPC": _SPACE,
    "EDQUOT": tuple(call for call in _SPACE if call not in ("syncfs",)),
    "EROFS": (
        *("openat", "mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat", "rename"),
        *("renameat", "unlink", "unlinkat", "rmdir", "chmod", "fchmod", "fchmodat", "utimensat"),
    ),
    "EIO": (*_SPACE, *_NAMES, *_READS),
    "EMFILE": _DESCRIPTORS,
    "ENFILE": _DESCRIPTORS,
    "ENOMEM": ("mmap", "clone", "clone3", "fork", "vfork"),
}
"""Each error, and the calls that can return it."""


MOST = 150
"""Calls of one kind that are made to fail with one error. The collector looks at every process of
the machine, one like the other."""


def _documented(kind: type[errors.StoreError]) -> Iterator[int]:
    yield kind.exit_code
    for below in kind.__subclasses__():
        yield from _documented(below)


def unclear(done: Done, call: str = "", *, reports: bool = False) -> list[str]:
    """Return what a user could not make sense of in how a command ended, after ``call`` failed.

    One that ``reports`` may tell it by its findings, on standard output.
    """
    documented = {0, *_documented(errors.StoreError)}
    found = []
    if done.code not in documented:
        found.append(f"exit status {done.code}")
    for bad in ("Traceback", "unforeseen", "Exception ignored"):
        if bad in done.err:
            found.append(f"says {bad!r}")
    # A message whose own writing failed is not there.
    told = "store: " in done.err or (reports and done.code in (1, 2) and done.out)
    if done.code != 0 and not told and call != "write":
        found.append("fails without a message")
    return [f"{what}: {done.err}" for what in found]


def refuse(shop: Workshop, tally: Tally, clock: Clock, seed: int) -> None:
    """Let every call fail in every way that it can, in random order, while there is time; one at
    least."""
    calls = sorted({call for calls in FAULTS.values() for call in calls})
    with shop.copy() as folder:
        whole = shop.run(folder, strace=["-e", f"trace={','.join(calls)}"])
    chosen = Random(f"{seed} {shop.subject.name} refusals")
    points = list(_each(steps(whole.trace), chosen))
    chosen.shuffle(points)
    tally.counts["possible refusals"] += len(points)
    for error, call, number in points:
        if sum(tally.counts[name] for name in FAULTS) and not clock.running():
            return
        where = f"{shop.subject.name}, {error} at {call} {number}"
        inject = f"inject={call}:error={error}:when={number}"
        with shop.copy() as folder:
            done = shop.run(folder, strace=["-e", f"trace={call}", "-e", inject])
            if not done.injected:
                continue  # the processes shared the work differently this time
            findings = unclear(done, call, reports=shop.subject.reports)
            findings += shop.lost(folder, done) + shop.recover(folder)
            tally.add(error, findings, where)


def _each(most: Mapping[str, int], chosen: Random) -> Iterator[tuple[str, str, int]]:
    for error, calls in FAULTS.items():
        for call in calls:
            numbers = range(1, most.get(call, 0) + 1)
            few = chosen.sample(numbers, min(MOST, len(numbers)))
            yield from ((error, call, number) for number in few)
