"""New entries for the table of contents, kept by a worker that does job after job.

A write to the table waits for the disk, for each transaction anew, and no build has to wait for
that. An entry that is noted late is shared a little later, and one that a kill leaves is noted by
the next collection.
"""

from __future__ import annotations

import time
from typing import Final

from store.index.content_table import ContentTable
from store.objects.contents import Told

MANY: Final = 256
"""Contents that are noted at once, and not later."""

LONGEST: Final = 1.0
"""Seconds for which a worker keeps any to itself while it has more to do."""


class PendingContents:
    """The holders of contents that :class:`ContentTable` knows; new entries come to be among them
    at :meth:`flush` at the latest."""

    def __init__(self, table: ContentTable) -> None:
        self._table = table
        self._pending: list[Told] = []
        self._count = 0
        self._since = 0.0

    @property
    def pending(self) -> bool:
        """True if an entry waits to be noted."""
        return bool(self._pending)

    def find(self, content: bytes, most: int = 4) -> list[bytes]:
        """Return files that should have the content, as paths below the store directory."""
        return self._table.find(content, most)

    def tell(self, name: str, digest: bytes, pairs: list[tuple[bytes, bytes]]) -> None:
        """Keep where the object ``<digest>-<name>`` has its files."""
        if not self._pending:
            self._since = time.monotonic()
        self._pending.append((name, digest, pairs))
        self._count += len(pairs)
        if self._count >= MANY or time.monotonic() - self._since >= LONGEST:
            self.flush()

    def flush(self) -> None:
        """Tell the table of all that waits, in one transaction."""
        pending, self._pending, self._count = self._pending, [], 0
        if pending:
            self._table.tell_all(pending)

    def close(self) -> None:
        """Let go of the table, as this process is about to be forked."""
        self._table.close()
