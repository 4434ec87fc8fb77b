"""The request for a build, and its result: two dumb values.

A request holds paths and numbers only. Its maker has resolved the derivation, created the work
directory and chosen the scratch names; the runner looks nothing up.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import Literal, get_args

from store.display import LONGEST_QUOTE, printable, quoted
from store.errors import InvalidName, UsageError
from store.model.build_files import BuildFiles, check_files
from store.sandbox.log_limit import MAX_LOG

Stopped = Literal["timeout", "silent", "disk", "log"]
Listing = Literal["kernel", "reversed", "shuffled"]

_NO_NAMES = frozenset(("", ".", ".."))

FULL = "full"
"""The sandbox level of a build that had every clause of the contract."""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """One build.

    Paths named ``store_dir``, ``work_dir`` and ``log_path`` are physical; ``builder`` is a path
    that the builder sees. Objects are named by their base names in ``store_dir``.

    Raises ``InvalidName`` for a name that is not one path component or stands for two things;
    ``UsageError`` for a path that is not absolute or a number out of range; ``FormatError`` for
    files that cannot be in ``/build``.
    """

    name: str
    builder: str
    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    store_dir: str
    work_dir: str
    """An empty directory of this build alone, on the store's disk; it gets ``build/``, ``store/``
    and ``tmp/``. A tree that was kept from an earlier run of the same request also serves, if the
    request's ``files`` are left out."""
    log_path: str
    """A regular file, made anew; created if missing."""
    inputs: tuple[str, ...] = ()
    """The input closure, to be seen read-only under ``/store``."""
    files: BuildFiles = ()
    """Ordinary files that stand in ``/build`` at the beginning; the builder's own, to be changed
    as it likes."""
    outputs: tuple[str, ...] = ()
    """Scratch names that the builder will create under ``/store``."""
    rootfs: str | None = None
    """The object whose top-level entries appear in ``/``. Not in ``/store``, unless an input."""
    cores: int = 1
    jobserver: tuple[int, int] | None = None
    """Read and write descriptor of a pipe of tokens in the way of GNU make."""
    timeout: float | None = None
    """Seconds from start to stop."""
    max_silent: float | None = None
    """Seconds without growth of the log."""
    max_log: int = MAX_LOG
    """Bytes that the log may have."""
    disk_reserve: int = 0
    """Bytes that must stay free on the disk of ``work_dir``."""
    aslr: bool = False
    """Address-space randomisation: for an audit only, as is all that follows."""
    uid: int = 1000
    gid: int = 100
    user: str = "builder"
    group: str = "builders"
    personality: int = 0
    """More flags for personality(2)."""
    processors: int | None = None
    """How many of the caller's processors it may run on; None for all of them."""
    clock_ahead: int = 0
    """Seconds that the wall clock is ahead of the host's."""
    clock_stopped: int | None = None
    """Unix seconds at which the wall clock stands still."""
    listing: Listing = "kernel"
    """The order of the entries of a directory."""

    @property
    def wants_tracing(self) -> bool:
        """True if it needs a tracer."""
        wants_clock = self.clock_ahead != 0 or self.clock_stopped is not None
        return wants_clock or self.listing != "kernel"

    def __post_init__(self) -> None:
        for path in (self.builder, self.store_dir, self.work_dir, self.log_path):
            if not os.path.isabs(path) or "\0" in path:
                raise UsageError(f"{self.name}: not an absolute path: {quoted(path)}")
        names = [*self.inputs, *self.outputs]
        self._check_names([*names, *(() if self.rootfs is None else (self.rootfs,))])
        if len(set(names)) != len(names):
            twice = min(name for name, count in Counter(names).items() if count > 1)
            raise InvalidName(f"{self.name}: named twice: {printable(twice[:LONGEST_QUOTE])}")
        for key, value in self.env:
            if not key or "=" in key or "\0" in key or "\0" in value:
                raise UsageError(f"{self.name}: not an environment variable: {quoted(key)}")
        if any("\0" in word for word in self.args):
            raise UsageError(f"{self.name}: an argument holds a NUL character")
        check_files(self.files)
        least = min(self.cores, self.uid, self.gid)
        if least < 1 or min(self.disk_reserve, self.max_log) < 0:
            raise UsageError(f"{self.name}: a number is out of range")
        self._check_audit()

    def _check_names(self, names: list[str]) -> None:
        # There may be thousands: only when one of them is wrong, each is looked at.
        text = "".join(names)
        if "/" in text or "\0" in text or not _NO_NAMES.isdisjoint(names):
            for name in names:
                if name in _NO_NAMES or "/" in name or "\0" in name:
                    raise InvalidName(
                        f"{self.name}: not the name of a store object: {quoted(name)}"
                    )

    def _check_audit(self) -> None:
        if self.processors is not None and self.processors < 1:
            raise UsageError(f"{self.name}: a builder runs on one processor at least")
        if any(not word or set(word) & set(":\n\0") for word in (self.user, self.group)):
            raise UsageError(f"{self.name}: not a name of a user or group")
        if self.clock_stopped is not None and (self.clock_ahead or self.clock_stopped < 0):
            raise UsageError(f"{self.name}: a clock stands still in 1970 or later, or is ahead")
        if self.listing not in get_args(Listing):
            raise UsageError(f"{self.name}: directories cannot be listed {quoted(self.listing)}")


@dataclass(frozen=True, slots=True)
class BuildResult:
    """How a builder ended."""

    status: int
    """Exit status; the negative number of a signal that ended it (SIGKILL when it was stopped)."""
    wall: float
    """Seconds from before the sandbox was made to after the last process ended."""
    user: float
    """Seconds of processor time of all its processes, outside the kernel."""
    system: float
    """Seconds of processor time of all its processes, in the kernel."""
    max_rss: int
    """Bytes of the largest process. It counts the moment before execve(2) too, so that it is never
    below what the caller's own process weighs (some tens of megabytes)."""
    stopped: Stopped | None = None
    """Why the runner stopped it."""
    exec_error: str | None = None
    """Why the builder could not be executed at all; the same text is in the log."""
    level: str = FULL
    log: bytes | None = None
    """The digest of the log, where one was written."""

    @property
    def ok(self) -> bool:
        """True if the builder ran to its end and was content."""
        return self.status == 0 and self.stopped is None
