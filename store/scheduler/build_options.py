"""The resources of a run, and its treatment of failure."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from store.sandbox.log_limit import MAX_LOG

if TYPE_CHECKING:
    from store.jobs.lower import BuildLimits


class BuildOptions(NamedTuple):
    """``jobs`` builds at once, ``cores`` processors for all of them together; times in seconds,
    ``max_log`` in bytes."""

    jobs: int
    cores: int
    keep_going: bool = False
    keep_failed: bool = False
    offline: bool = False
    timeout: float | None = None
    max_silent: float | None = None
    retries: int = 3
    max_log: int = MAX_LOG
    on: str | None = None
    """The URL of a server that takes builds."""
    remote_jobs: int = 4
    """Builds on that server at once."""
    remote_sandbox: str = "plain"
    """``plain`` for the sandbox of any server, ``worker`` for that of workers of ours."""

    @property
    def all_jobs(self) -> int:
        """Builds at once, here and there."""
        return self.jobs + (self.remote_jobs if self.on else 0)

    @property
    def simultaneous(self) -> int:
        """How many builds run at once: each needs a processor."""
        return min(self.jobs, self.cores) + self.all_jobs - self.jobs

    @property
    def limits(self) -> BuildLimits:
        """The limits of each build."""
        from store.jobs.lower import BuildLimits  # takes long to load, and often nothing is built

        return BuildLimits(self.cores, self.timeout, self.max_silent, max_log=self.max_log)


def default_cores() -> int:
    """Return the processors that this process may use."""
    return len(os.sched_getaffinity(0))
