"""Mending damaged objects: from their own trees or a substituter's; else into the quarantine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from store.errors import StorageError, StoreError, StoreFull
from store.index.content_table import ContentTable
from store.index.schema import ObjectEntry
from store.local.store import Store
from store.model.names import ObjectId
from store.objects.ingest import ingest_again
from store.substitute.importing import take
from store.substitute.substituter import FATAL, Substituter
from store.system.locks import SharedLocks
from store.verify.object_check import inspect
from store.verify.quarantine import Quarantine

ITSELF = "itself"


@dataclass(frozen=True)
class Mended:
    """``how`` is the substituter's name, ``itself``, or None when nothing could; ``reasons`` says
    why those that were asked before could not, by name. ``quarantined`` is where the damaged tree
    lies then, if there was one."""

    object: ObjectId
    how: str | None
    quarantined: str | None = None
    reasons: tuple[tuple[str, str], ...] = ()


class ObjectRepair:
    """Replaces damaged objects of a store by the very same ones, from themselves or from
    ``sources``, which are asked in their order.

    Raises errors that say nothing of an object: StoreFull, DiskReserve, StoreReadOnly, NotOwner,
    and Interrupted.
    """

    def __init__(self, store: Store, sources: Sequence[Substituter]) -> None:
        self._store = store
        self._sources = sources
        self._quarantine = Quarantine(store.layout)

    def run(self, oids: Iterable[ObjectId]) -> Iterator[Mended]:
        """Mend each object; the remains of the others go to the quarantine at the end.

        The index goes on naming these: a build that needs one finds that it is missing, and makes
        it anew.
        """
        self._store.check_writable()
        left = dict.fromkeys(oids)
        while left:
            tried = [self._mend(oid) for oid in left]
            for mended in tried:
                if mended.how is not None:
                    del left[mended.object]
                    yield mended
            # Once more while it goes on: a repaired object may be an input of another.
            if len(left) == len(tried):
                yield from map(self._put_away, tried)
                return

    def _mend(self, oid: ObjectId) -> Mended:
        """Replace a damaged object by the very same one, or leave it as it is."""
        with contextlib.suppress(StorageError):  # then no way leads on, and each says why
            self._quarantine.take_no_manifest(oid)
        ways = [(ITSELF, partial(self._from_itself, oid))]
        ways += [(source.name, partial(self._from, source, oid)) for source in self._sources]
        reasons: list[tuple[str, str]] = []
        for name, way in ways:
            try:
                with self._store.claims() as claims:
                    way(claims)
                    wrong = self._faults(oid)
            except FATAL:
                raise  # the object must not be given up for it
            except StoreError as error:
                wrong = error.message
            if not wrong:
                return Mended(oid, name, reasons=tuple(reasons))
            reasons.append((name, wrong))
        return Mended(oid, None, reasons=tuple(reasons))

    def _from_itself(self, oid: ObjectId, claims: SharedLocks) -> None:
        layout, references = self._store.layout, self._store.objects.references(oid)
        holders = ContentTable(layout.index)
        ingest_again(
            layout.root, layout.object(oid), oid, references, claims=claims, holders=holders
        )

    def _from(self, source: Substituter, oid: ObjectId, claims: SharedLocks) -> None:
        m = take(self._store.layout.root, source, oid, claims)
        self._correct(ObjectEntry(m.id, m.references, m.refers_to_itself, m.size))

    def _faults(self, oid: ObjectId) -> str:
        """Return the faults of the object, read anew; the index is corrected where it disagrees."""
        (found,) = inspect(self._store.layout, [oid], {})
        if found.facts is None:
            return "; ".join(f"its {item.kind} {item.detail}" for item in found.findings)
        self._correct(ObjectEntry(oid, *found.facts))
        return "; ".join(map(str, found.findings))

    def _correct(self, entry: ObjectEntry) -> None:
        self._store.index.write(lambda txn: txn.objects.correct(entry))

    def _put_away(self, mended: Mended) -> Mended:
        """Quarantine the remains of an object; where the system does not let go of it, it stays,
        marked."""
        try:
            return replace(mended, quarantined=self._quarantine.take_object(mended.object))
        except StoreFull:
            raise
        except StorageError as error:
            self._quarantine.mark_object(mended.object)
            return replace(mended, reasons=(*mended.reasons, ("quarantine", error.message)))
