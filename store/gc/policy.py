"""The limits of a collection."""

from __future__ import annotations

from typing import Final, NamedTuple

from store.local.root_snapshot import UNSEEN
from store.profiles.retention import Retention
from store.system.clock import unix_seconds

LOGS_OLDER_THAN: Final = 30 * 86400.0
LOGS_SIZE: Final = 4 << 30
KEPT_OLDER_THAN: Final = 14 * 86400.0


class Policy(NamedTuple):
    """``max_freed``: stop once so many bytes were freed. ``keep_free``: stop once so many are free
    where the store is. ``older_than``: spare objects that were used within so many seconds.
    ``keep_derivations``: keep the inputs of live objects. They combine.

    ``logs_older_than``: seconds for which the log of nothing alive is kept, unless ``older_than``
    says another time or ``keep_free`` asks for space. ``logs_size``: bytes of all logs at most.
    ``unseen_roots``: seconds for which a root is kept whose link is out of sight.
    ``kept_older_than``: seconds for which trees of failed builds, and trees kept by audits, stay,
    unless ``older_than`` says another time. ``keep_generations`` says which generations of profiles
    are kept; None for all.
    """

    max_freed: int | None = None
    keep_free: int | None = None
    older_than: float | None = None
    keep_derivations: bool = False
    logs_older_than: float = LOGS_OLDER_THAN
    unseen_roots: float = UNSEEN
    logs_size: int = LOGS_SIZE
    kept_older_than: float = KEPT_OLDER_THAN
    keep_generations: Retention | None = None

    @property
    def bounded(self) -> bool:
        """True if it may stop before all dead objects are deleted."""
        return self.max_freed is not None or self.keep_free is not None

    def wanted(self, freed: int, free: int) -> int | None:
        """Return bytes still to be freed, when ``freed`` were and ``free`` are free; None for
        all."""
        left = []
        if self.max_freed is not None:
            left.append(self.max_freed - freed)
        if self.keep_free is not None:
            left.append(self.keep_free - free)
        return max(0, min(left)) if left else None

    def cutoff(self) -> int | None:
        """Return Unix seconds; objects that were used later are spared."""
        return None if self.older_than is None else int(unix_seconds() - self.older_than)
