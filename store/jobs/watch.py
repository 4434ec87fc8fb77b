"""Bounds on the time of a job, kept by its master: a worker that hangs cannot keep them itself."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from store.errors import StoreError
from store.events import Phase, Progress
from store.job_errors import BuildSilent, BuildTimeout, FetchSilent, FetchTimeout
from store.jobs.lower import BuildLimits
from store.quantities import limit_text

GRACE = 10.0
"""Seconds by which a build, which is watched where it runs, may exceed its bound."""

STALLED = 5.0
"""Seconds without a byte after which a fetch does not keep another from being started."""

INGEST = "ingest"
"""The phase in which a job takes in what it made."""

_DOING = {
    "fetch": "fetching",
    "unpack": "unpacking",
    "image": "writing",
    "build": "building",
    INGEST: "taking in",
}
_TIMEOUT_HINT = "--timeout sets the bound"
_SILENT_HINT = "--max-silent-time sets the bound"


@dataclass(frozen=True)
class Alive:
    """Sent by a worker that has nothing to show yet, and goes on."""


@dataclass(frozen=True)
class Copied:
    """Sent by a worker that has read and written all of what it takes in. From here on it waits for
    the disk, and needs a processor for moments only."""


@dataclass
class Watch:
    """The progress of one job. ``kind`` is ``fetch``, ``unpack``, ``image`` or ``build``.

    Each step, the taking in too, has all of ``--timeout``. For ``--max-silent-time`` count the
    reads and writes of an unpacking; the bytes of a fetch, its reads of files, and that it is
    alive: it leaves each server that is silent itself, so that all get their turn, and is only
    ended here when it hangs. A build is watched by its runner.
    """

    kind: str
    name: str
    limits: BuildLimits
    pid: int
    _step: str = field(init=False)
    _began: float = field(init=False)
    _moved: float = field(init=False)
    _brought: float = field(init=False)
    _seen: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._step = self.kind
        self._look()
        self._began = self._moved = self._brought = time.monotonic()

    @property
    def stalled(self) -> bool:
        """True if this is a fetch to which nothing has come for some time."""
        return self._step == "fetch" and time.monotonic() >= self._brought + STALLED

    def hear(self, message: object) -> None:
        """Note a message of the worker."""
        if isinstance(message, Alive):
            self._moved = time.monotonic()
        elif isinstance(message, Progress):
            if self._note("came", message.done):
                self._brought = self._moved
        elif isinstance(message, Phase) and message.phase == INGEST and self._step != INGEST:
            self._step, self._began = INGEST, time.monotonic()

    def overdue(self) -> StoreError | None:
        """Return why the job is to be ended, if it is: FetchTimeout, FetchSilent, BuildTimeout or
        BuildSilent."""
        limits, now = self.limits, time.monotonic()
        grace = GRACE if self._step == "build" else 0.0
        if limits.timeout is not None and now >= self._began + limits.timeout + grace:
            return self._timeout(limits.timeout)
        if limits.max_silent is None or self._step not in ("fetch", "unpack"):
            return None
        self._look()
        turns = 2 if self._step == "fetch" else 1  # the first of which it keeps itself
        if now < self._moved + limits.max_silent * turns:
            return None
        return self._silent(limits.max_silent)

    def _look(self) -> None:
        """Note what the process has read and, of an unpacking, written."""
        moved = _moved_bytes(self.pid)
        if not moved and self._step == "unpack":
            self._moved = time.monotonic()  # it cannot be seen here: then it is not judged by it
        for name, count in moved.items():
            if name == "read" or self._step == "unpack":
                self._note(name, count)

    def _note(self, name: str, count: int) -> bool:
        """Return whether a count has changed, which is a sign of life."""
        if count == self._seen.get(name):
            return False
        self._seen[name], self._moved = count, time.monotonic()
        return True

    def _timeout(self, bound: float) -> StoreError:
        text = f"{_DOING[self._step]} {self.name} took longer than {limit_text(bound)}"
        kind = FetchTimeout if self._step == "fetch" else BuildTimeout
        return kind(text, hint=_TIMEOUT_HINT)

    def _silent(self, bound: float) -> StoreError:
        if self._step == "fetch":
            return FetchSilent(
                self.name, [("here", f"no progress for {limit_text(bound)}")], hint=_SILENT_HINT
            )
        return BuildSilent(
            f"unpacking {self.name} made no progress for {limit_text(bound)}", hint=_SILENT_HINT
        )


def _moved_bytes(pid: int) -> dict[str, int]:
    """Return bytes that a process has read from files and written until now; none where that is
    unknown.

    Bytes by a network are not among them.
    """
    try:
        with open(f"/proc/{pid}/io", "rb") as stream:
            fields = dict(line.split(b": ") for line in stream.read(1024).splitlines())
        return {"read": int(fields[b"rchar"]), "written": int(fields[b"wchar"])}
    except (OSError, ValueError, KeyError):
        return {}
