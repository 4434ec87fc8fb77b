"""Keeping the index's table of equal content in step with the objects that there are.

Objects are noted when they are put in place, and forgotten when they are deleted. Work that a kill
leaves undone is done here, and so is all of it where nothing was noted yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from store.errors import FormatError
from store.index.content_table import ContentTable
from store.index.env import Index
from store.layout.paths import Layout
from store.model.raw_manifest import RawManifest
from store.objects.content import read_record
from store.objects.contents import Told, outline_contents
from store.system.locks import SharedLocks
from store.system.parallel import map_each, uncollected

CROWD = 1000
"""Objects that are noted in one transaction."""

FEW = 200
"""Objects whose manifests one process reads in the time that forking another takes."""


def untold(layout: Layout, index: Index) -> tuple[list[str], list[bytes]]:
    """Return the objects that the index knows and the table of contents does not, as
    ``<digest>-<name>``; and the digests of those of which it is the other way round."""
    told = ContentTable(layout.index).digests()
    with index.read() as txn:
        known = set(txn.objects.numbers_of(told))
        fresh = txn.by_number.names(
            number for number in txn.by_number.numbers() if number not in known
        )
        if len(known) == len(told):
            return fresh, []
        return fresh, [digest for digest in told if txn.objects.number_of_digest(digest) is None]


def reconcile(layout: Layout, index: Index) -> None:
    """Note all objects in the table of contents, and forget those that are missing. An object whose
    manifest cannot be read stays unnoted."""
    fresh, gone = untold(layout, index)
    tell(layout, fresh)
    if not gone:
        return
    with SharedLocks(layout.claims) as claims:
        # An object put in place is noted before it is registered.
        gone = [digest for digest in gone if not claims.taken(digest)]
        with index.read() as txn:
            gone = [digest for digest in gone if txn.objects.number_of_digest(digest) is None]
    ContentTable(layout.index).forget(gone)


def tell(layout: Layout, names: Sequence[str]) -> None:
    """Tell the table of contents of the objects ``<digest>-<name>``, by their manifests."""
    table = ContentTable(layout.index)
    with uncollected():
        for start in range(0, len(names), CROWD):
            crowd = names[start : start + CROWD]
            found = map_each(partial(_read_all, layout), crowd, FEW)
            table.tell_all(item for item in found if item is not None)


def _read_all(layout: Layout, names: Sequence[str]) -> list[Told | None]:
    records = [_record(f"{layout.manifests}/{name}") for name in names]
    outlines = iter(RawManifest.decode_all([data for data in records if data is not None]))
    # One that cannot be read is a finding of `store verify`.
    found = [None if data is None else next(outlines) for data in records]
    return [_told(name, outline) for name, outline in zip(names, found, strict=True)]


def _record(path: str) -> bytes | None:
    try:
        return read_record(path)[0]
    except OSError:
        return None


def _told(name: str, outline: RawManifest | None) -> Told | None:
    if outline is None or str(outline.id) != name:
        return None
    try:
        return name, outline.id.digest, outline_contents(outline)
    except (FormatError, TypeError, ValueError):
        return None
