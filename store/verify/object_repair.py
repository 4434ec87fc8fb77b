"""Mending damaged objects: from their own trees or a substituter's; else into the quarantine."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from store.errors import StorageError, StoreError, StoreFull, printable, storage_error
from store.index.content_table import ContentTable
from store.index.schema import ObjectEntry
from store.layout.paths import Layout
from store.local.store import Store
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects.ingest import ingest_again
from store.objects.placing import exclusive, mark_unsound
from store.substitute.importing import take
from store.substitute.substituter import FATAL, Substituter
from store.system import owned
from store.system.durable import move, sync_folder
from store.system.locks import SharedLocks
from store.system.removing import remove_tree
from store.verify.object_check import inspect, read_manifest

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


def repair_all(
    store: Store, oids: Iterable[ObjectId], sources: Sequence[Substituter]
) -> Iterator[Mended]:
    """Replace each damaged object by the very same one; the remains of those of which that cannot
    be done go to the quarantine at the end.

    The index goes on naming them: a build that needs one finds that it is missing, and makes it
    anew.
    """
    store.check_writable()
    left = dict.fromkeys(oids)
    while left:
        tried = [(oid, mend(store, oid, sources)) for oid in left]
        for oid, mended in tried:
            if mended.how is not None:
                del left[oid]
                yield mended
        # Once more while it goes on: a repaired object may be an input of another.
        if len(left) == len(tried):
            for _, mended in tried:
                yield _put_away(store.layout, mended)
            return


def _put_away(layout: Layout, mended: Mended) -> Mended:
    """Quarantine the remains of an object; where the system does not let go of it, it stays, with a
    mode by which everybody takes it for damaged."""
    try:
        return replace(mended, quarantined=_quarantine(layout, mended.object))
    except StoreFull:
        raise
    except StorageError as error:
        with contextlib.suppress(OSError):
            mark_unsound(layout.object(mended.object))
        return replace(mended, reasons=(*mended.reasons, ("quarantine", error.message)))


def repair(store: Store, oid: ObjectId, sources: Sequence[Substituter]) -> Mended:
    """Act as :func:`repair_all`, of one object."""
    (mended,) = repair_all(store, [oid], sources)
    return mended


def mend(store: Store, oid: ObjectId, sources: Sequence[Substituter]) -> Mended:
    """Replace a damaged object by the very same one, or leave it as it is.

    Raises errors that say nothing of the object: StoreFull, DiskReserve, StoreReadOnly, NotOwner,
    and Interrupted.
    """
    with contextlib.suppress(StorageError):  # then no way leads on, and each says why
        _set_aside_no_manifest(store.layout, oid)
    ways = [(ITSELF, partial(_from_itself, store, oid))]
    ways += [(source.name, partial(_from_source, store, oid, source)) for source in sources]
    reasons: list[tuple[str, str]] = []
    for name, way in ways:
        try:
            with store.claims() as claims:
                way(claims)
                wrong = _wrong(store, oid)
        except FATAL:
            raise  # the object must not be given up for it
        except StoreError as error:
            wrong = error.message
        if not wrong:
            return Mended(oid, name, reasons=tuple(reasons))
        reasons.append((name, wrong))
    return Mended(oid, None, reasons=tuple(reasons))


def _from_itself(store: Store, oid: ObjectId, claims: SharedLocks) -> None:
    references = store.objects.references(oid)
    path, holders = store.layout.object(oid), ContentTable(store.layout.index)
    ingest_again(store.layout.root, path, oid, references, claims=claims, holders=holders)


def _from_source(store: Store, oid: ObjectId, source: Substituter, claims: SharedLocks) -> None:
    _correct(store, take(store.layout.root, source, oid, claims))


def _wrong(store: Store, oid: ObjectId) -> str:
    """Return the faults of the object, read anew; the index is corrected where it disagrees."""
    manifest = read_manifest(store.layout, oid)
    if isinstance(manifest, str):
        return f"its manifest {manifest}"
    _correct(store, manifest)
    return "; ".join(map(str, inspect(store.layout, [oid], {})[0].findings))


def _correct(store: Store, m: Manifest) -> None:
    entry = ObjectEntry(m.id, m.references, m.refers_to_itself, m.size)
    store.index.write(lambda txn: txn.objects.correct(entry))


def _set_aside_no_manifest(layout: Layout, oid: ObjectId) -> None:
    """Move anything but a file out of the place of a manifest: a folder could not be replaced."""
    path = layout.manifest(oid)
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        _move(layout, path, str(oid), "was in the place of a manifest")


def _quarantine(layout: Layout, oid: ObjectId) -> str | None:
    path = layout.object(oid)
    with exclusive(layout):
        if not os.path.lexists(path):
            return None
        return _move(layout, path, str(oid), "an object that could not be repaired")


def _move(layout: Layout, path: str, name: str, why: str) -> str:
    """Move something to a folder of its own in the quarantine, with a note of what it is."""
    folder = ""
    try:
        os.makedirs(layout.quarantine, 0o700, exist_ok=True)
        os.close(owned.open_folder(layout.quarantine))
        os.close(owned.open_folder(os.path.dirname(path)))
        folder = tempfile.mkdtemp(prefix=f"{_short(name)}-", dir=layout.quarantine)
        with open(f"{folder}/note", "x", encoding="utf-8") as note:
            note.write(f"{printable(path)}: {why}\n")
            note.flush()
            os.fsync(note.fileno())
        move(path, f"{folder}/{name}")
        for changed in (folder, layout.quarantine, os.path.dirname(path)):
            sync_folder(changed)
    except OSError as error:
        if folder and not os.path.lexists(f"{folder}/{name}"):
            remove_tree(folder)
        doing = f"cannot move {path} to the quarantine"
        if error.errno in (errno.EPERM, errno.EBUSY, errno.EXDEV):
            # About this one, and not the store.
            raise StorageError(f"{doing}: {error.strerror}") from error
        raise storage_error(error, doing) from error
    return folder


def _short(name: str) -> str:
    """Return the beginning of a file's name, which leaves room for more."""
    return os.fsdecode(os.fsencode(name)[:100])
