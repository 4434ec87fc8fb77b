"""Making the index anew: objects from the store directory, the rest from the records beside it.

Nothing of the old index is needed. Its readable part is taken over all the same, for it has some
things that nothing else has: the times of last use and verification.
"""

from __future__ import annotations

import errno
import faulthandler
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from store.errors import CorruptObject, NoStore, StoreError, UnknownObject, storage_error
from store.index import foreign
from store.index.content_table import ContentTable
from store.index.rebuilding import Workshop, workshop
from store.index.records import Scan
from store.index.sha256_table import Sha256Table
from store.index.writing import Writer
from store.layout import opening
from store.layout.paths import Layout
from store.local.directories import make_directories
from store.model.names import ObjectId
from store.recovery.backup import check_seal
from store.recovery.replay import Replay
from store.recovery.survey import DiskSurvey, survey
from store.system.durable import open_file
from store.system.forking import ForkedCall
from store.system.parallel import uncollected

CROWD = 20_000
"""Objects that are registered in the index at once."""

EVERY = 40_000
"""Objects between two reports of progress."""

PATIENCE = 600
"""Seconds after which an old index counts as unreadable: damage may lead in circles."""


MEMORY = 2 << 30
"""Bytes of memory that reading it may take."""


@dataclass(frozen=True)
class Rebuilt:
    """``old`` says why nothing was taken over from the old index, or is None if it was;
    ``skipped`` are bytes of the record file that held no record."""

    survey: DiskSurvey
    replay: Replay
    old: str | None
    skipped: int


def rebuild(
    layout: Layout, *, contents: bool = False, phase: Callable[[str], None] = lambda name: None
) -> Rebuilt:
    """Make the index anew. With ``contents``, only objects whose bytes are right are registered.

    Raises Busy while another process uses the index, NotOwner, StoreFull and other StorageErrors;
    then the old index is still there.
    """
    return _rebuild(layout, None, contents, phase)


def restore(
    layout: Layout,
    backup: str,
    *,
    contents: bool = False,
    phase: Callable[[str], None] = lambda name: None,
) -> Rebuilt:
    """Rebuild as :func:`rebuild`, with the index file at ``backup`` in the place of the old one.

    Later builds are there, too, as far as they were kept beside the index. Raises CorruptObject
    when the backup cannot be read, or its seal is broken, UnknownObject when there is none.
    """
    if not os.path.isfile(backup):
        raise UnknownObject(
            f"there is no file {backup}", hint="name a file that `store index backup` wrote"
        )
    try:
        check_seal(backup)
    except OSError as error:
        remedy = "let this user read the file"
        raise storage_error(error, f"cannot read {backup}", remedy=remedy) from error
    return _rebuild(layout, backup, contents, phase)


def _rebuild(
    layout: Layout, backup: str | None, contents: bool, phase: Callable[[str], None]
) -> Rebuilt:
    if not os.path.isdir(layout.objects):
        raise NoStore(layout.root)
    if opening.owner_of(layout) == os.geteuid():
        opening.settle(layout)
    try:
        return _make(layout, backup, contents, phase)
    except OSError as error:
        raise storage_error(error, f"cannot make the index in {layout.index} anew") from error


def _make(
    layout: Layout, backup: str | None, contents: bool, phase: Callable[[str], None]
) -> Rebuilt:
    make_directories(layout)
    with workshop(layout.index) as shop:
        phase("reading the backup" if backup else "reading the old index")
        source = backup or f"{layout.index}/data.mdb"
        saved, why = _salvage(shop, source)
        if backup and saved is None:
            raise CorruptObject(f"{backup} cannot be taken back: {why}")
        identity = _identity(layout) if backup else None
        nameless = backup is not None and _told_identity(backup) is None
        phase("looking at objects")
        table = ContentTable(shop.folder)
        found = survey(
            layout,
            contents=contents,
            progress=_counted(phase, "looking at objects"),
            files=table.tell_all,
        )
        table.forget(ObjectId.parse(name).digest for name in found.sound.lacking)
        phase("writing")
        kept, told = Scan(layout.records), [Replay()]
        begin = partial(Replay, identity=identity)
        # Newer facts come last: the record file after a backup, the index after its record file.
        scans = [(saved, nameless), (kept, False)] if backup else [(kept, False), (saved, False)]
        shop.fill(
            lambda txn: _fill(txn, found, scans, told, begin, _counted(phase, "writing")),
            layout.records,
            lambda: told[-1].kept_for_later,
        )
        ContentTable(layout.index).replace_by(table)
        Sha256Table(layout.index).clear()
    return Rebuilt(found, told[-1], why, kept.skipped)


def _counted(phase: Callable[[str], None], name: str) -> Callable[[int, int], None]:
    """Report how far a phase has come, when it has many objects, now and then."""

    def progress(done: int, total: int) -> None:
        if done and done % EVERY == 0:
            phase(f"{name}: {done} of {total}")

    return progress


def _fill(
    txn: Writer,
    found: DiskSurvey,
    scans: list[tuple[Scan | None, bool]],
    told: list[Replay],
    begin: Callable[[], Replay],
    progress: Callable[[int, int], None],
) -> None:
    # From the start again when the map had to grow: the last of ``told`` counts.
    replay = begin()
    told.append(replay)
    with uncollected():
        for start in range(0, len(found.sound), CROWD):
            progress(start, len(found.sound))
            txn.objects.register_all(found.sound[start : start + CROWD])
    for scan, nameless in scans:
        if scan is not None:
            scan.skipped = 0
            replay.tell(txn, scan.records(), nameless=nameless)
    replay.finish(txn)


def _identity(layout: Layout) -> bytes | None:
    """Return the identity of the store that is there, before a copy is put in the place of its
    index; None when nothing is left of it."""
    for record in Scan(layout.records).records():
        match record:
            case ["store", bytes(identity)]:
                return identity
    return _told_identity(f"{layout.index}/data.mdb")


def _told_identity(path: str) -> bytes | None:
    """Return the store's identity in an index file; None where it has none."""
    try:
        return ForkedCall(partial(_identity_in, path)).result()
    except (StoreError, OSError):
        return None


def _identity_in(path: str) -> bytes | None:
    faulthandler.disable()
    signal.alarm(PATIENCE)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    return foreign.identity(open_file(path))


def _salvage(shop: Workshop, source: str) -> tuple[Scan | None, str | None]:
    """Return the readable part of an index file, by a process that may die of it; or the reason
    that nothing can be read."""
    if not os.path.exists(source):
        return None, "there is none"
    own = source == f"{shop.index}/data.mdb"
    if not os.path.isfile(source) or (own and os.path.islink(source)):
        return None, "it is no file"
    if os.path.getsize(source) == 0:
        return None, "it is empty"

    def work() -> Scan:
        faulthandler.disable()  # That it dies of a damaged page is provided for, and no news.
        signal.alarm(PATIENCE)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        try:
            return shop.salvage(source)
        except MemoryError:
            raise CorruptObject("reading it takes too much memory") from None

    try:
        return ForkedCall(work).result(), None
    except StoreError as error:
        return None, error.message
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return None, f"reading it failed: {error.strerror}"
