"""The folders that work is done in."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from store.layout.paths import Layout
from store.system.locks import DirectoryLock, SharedLocks, make_held

if TYPE_CHECKING:
    from store.system.tree_removal import Watch


class Workspaces:
    """Work folders below ``tmp/``, each held by the process that made it."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._work: dict[str, tuple[DirectoryLock, SharedLocks]] = {}
        self._renewed: list[tuple[str, DirectoryLock]] = []

    def make(self, *, renewed: bool = False) -> str:
        """Return a fresh work folder, held by this process and the workers that it forks.

        For a build, one will do that was ``renewed`` after an earlier build.
        """
        if renewed and self._renewed:
            path, hold = self._renewed.pop()
        else:
            path, hold = make_held(self._layout.tmp, "work-")
        self._work[path] = hold, SharedLocks(self._layout.claims)
        return path

    def hold_of(self, work: str) -> DirectoryLock:
        """Return the hold of a work folder, for the process that works in it."""
        return self._work[work][0]

    def claims_of(self, work: str) -> SharedLocks:
        """Return the claims of objects made in a work folder; released when the folder is
        removed."""
        return self._work[work][1]

    def remove(self, path: str, *, renewed: bool = False, watch: Watch | None = None) -> None:
        """Remove a work folder, whatever a builder left in it, if it is still there. One that was
        ``renewed`` is kept for another build, until :meth:`remove_renewed`.

        A part that cannot be removed now is taken for abandoned from here on.
        """
        if path not in self._work:
            return
        hold, claims = self._work.pop(path)
        claims.release()
        if renewed:
            self._renewed.append((path, hold))
        else:
            _remove_held(path, hold, watch)

    def remove_renewed(self) -> None:
        """Remove the work folders that were kept for other builds."""
        while self._renewed:
            _remove_held(*self._renewed.pop())

    def remove_stale(self, watch: Watch | None = None) -> None:
        """Remove the leftovers of ended processes in ``tmp/``."""
        from store.system import removing

        for name in os.listdir(self._layout.tmp):
            if name.startswith(("work-", "object-")):
                # Held while it is removed: two processes must not sweep the same folder. A folder
                # that is held, missing, or cannot be removed is left for another time.
                with contextlib.suppress(OSError):
                    hold = DirectoryLock(f"{self._layout.tmp}/{name}")
                    with contextlib.suppress(OSError):
                        removing.remove(f"{self._layout.tmp}/{name}", watch)
                    hold.release()


def _remove_held(path: str, hold: DirectoryLock, watch: Watch | None = None) -> None:
    from store.system import removing

    with contextlib.suppress(OSError):
        removing.remove(path, watch)
    hold.release()
