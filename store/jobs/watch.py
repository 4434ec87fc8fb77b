"""Bounds on the time of a job, kept by its master: a worker that hangs cannot keep them itself."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from store.errors import BuildSilent, BuildTimeout, FetchSilent, FetchTimeout, StoreError
from store.events import Phase, Progress
from store.jobs.lower import Limits
from store.quantities import limit_text

GRACE = 10.0
"""Seconds by which a build, which is watched where it runs, may exceed its bound."""

INGEST = "ingest"
"""The phase in which a job takes in what it made."""

_DOING = {"fetch": "fetching", "unpack": "unpacking", "build": "building", INGEST: "taking in"}
_TIMEOUT_HINT = "--timeout sets the bound"
_SILENT_HINT = "--max-silent-time sets the bound"


@dataclass
class Watch:
    """What is known of one job's progress. ``kind`` is ``fetch``, ``unpack`` or ``build``.

    Each step, the taking in too, has all of ``--timeout``. For ``--max-silent-time`` the bytes of
    a fetch count, and what an unpacking reads and writes; a build is watched by its runner. So is
    one visit to a server, so that each of ``locators`` gets its turn before a fetch is ended.
    """

    kind: str
    name: str
    limits: Limits
    pid: int
    locators: int = 1
    _step: str = field(init=False)
    _began: float = field(init=False)
    _moved: float = field(init=False)
    _seen: int | None = None

    def __post_init__(self) -> None:
        self._step = self.kind
        self._began = self._moved = time.monotonic()

    def hear(self, message: object) -> None:
        """Note a message of the worker."""
        if isinstance(message, Progress):
            self._note(message.done)
        elif isinstance(message, Phase) and message.phase == INGEST and self._step != INGEST:
            self._step, self._began = INGEST, time.monotonic()

    def overdue(self) -> StoreError | None:
        """Why the job is to be ended, if it is: FetchTimeout, FetchSilent, BuildTimeout or
        BuildSilent."""
        limits, now = self.limits, time.monotonic()
        grace = GRACE if self._step == "build" else 0.0
        if limits.timeout is not None and now >= self._began + limits.timeout + grace:
            return self._timeout(limits.timeout)
        if limits.max_silent is None or self._step not in ("fetch", "unpack"):
            return None
        if self._step == "unpack":
            self._note(_moved_bytes(self.pid))
        turns = 1 + self.locators if self._step == "fetch" else 1
        if now < self._moved + limits.max_silent * turns:
            return None
        return self._silent(limits.max_silent)

    def _note(self, count: int | None) -> None:
        if count != self._seen or count is None:
            self._seen, self._moved = count, time.monotonic()

    def _timeout(self, bound: float) -> StoreError:
        text = f"{_DOING[self._step]} {self.name} took longer than {limit_text(bound)}"
        kind = FetchTimeout if self._step == "fetch" else BuildTimeout
        return kind(text, hint=_TIMEOUT_HINT)

    def _silent(self, bound: float) -> StoreError:
        if self._step == "fetch":
            return FetchSilent(
                f"fetching {self.name}: not a byte came for {limit_text(bound)}", hint=_SILENT_HINT
            )
        return BuildSilent(
            f"unpacking {self.name} made no progress for {limit_text(bound)}", hint=_SILENT_HINT
        )


def _moved_bytes(pid: int) -> int | None:
    """Bytes that a process has read and written until now, by any call; None where that is not
    told."""
    try:
        with open(f"/proc/{pid}/io", "rb") as stream:
            fields = dict(line.split(b": ") for line in stream.read(1024).splitlines())
        return int(fields[b"rchar"]) + int(fields[b"wchar"])
    except (OSError, ValueError, KeyError):
        return None
