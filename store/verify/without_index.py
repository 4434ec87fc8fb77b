"""A store whose index cannot be read: its objects and manifests, checked without it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from store.errors import StoreError
from store.layout.paths import Layout
from store.model.names import ObjectId
from store.objects.placing import BESIDE
from store.verify.finding import REBUILD_INDEX, Finding
from store.verify.leftovers import check_folders
from store.verify.object_check import look
from store.verify.verifier import BATCH, Looking, VerificationOutcome


class BareVerifier(Looking):
    """Looks at a store as :class:`store.verify.verifier.Verifier` does, without the index."""

    def run(self, why: str) -> VerificationOutcome:
        """Look at every object in the store directory; ``why`` the index cannot be read is the
        first finding."""
        index = f"{self._layout.index}/data.mdb"
        self._tell([Finding("index", index, f"{why}; {REBUILD_INDEX}")])
        due, strays = _named(self._layout)
        self.outcome.due = len(due)
        while self.outcome.looked < len(due) and not self._late():
            at = self.outcome.looked
            self._progress("object", at, len(due))
            batch = due[at : at + BATCH]
            self._examine(batch)
            self.outcome.looked += len(batch)
        self._tell(strays)
        self._tell(check_folders(self._layout))
        return self.outcome

    def _examine(self, oids: list[ObjectId]) -> None:
        items = look(self._layout, oids, self._known)
        suspects = [item.id for item in items if not item.sound]
        again = self._inspected(suspects)
        for item in again:
            # A repair, or a new addition, needs no index that can be read from end to end.
            if os.path.lexists(self._layout.object(item.id)):
                self._tell(item.findings)


def _named(layout: Layout) -> tuple[list[ObjectId], list[Finding]]:
    """Return the objects in the store directory, by name, and other entries, with no object's name,
    or no object."""
    due: list[ObjectId] = []
    strays = []
    for name in _listed(layout.objects):
        try:
            due.append(ObjectId.parse(name))
        except StoreError:
            kind = "leftover" if name.startswith(BESIDE) else "stray"
            strays.append(Finding(kind, f"{layout.objects}/{name}", "not the name of an object"))
    there = set(map(str, due))
    strays += [
        Finding(
            "stray", f"{layout.manifests}/{name}", "its object is not there: lost, or collected"
        )
        for name in _listed(layout.manifests)
        if name not in there
    ]
    return due, strays


def _listed(folder: str) -> Iterator[str]:
    with contextlib.suppress(OSError):
        yield from sorted(os.listdir(folder))
