"""The façade's half for holders: roots, leases, and times of use."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from store import digest
from store.errors import (
    NotOwner,
    StorageError,
    StoreFull,
    StoreReadOnly,
    UsageError,
    quoted,
)
from store.index.env import Index
from store.index.reading import Reader
from store.index.schema import LONGEST_KEY
from store.layout.paths import Layout
from store.local.roots import LINK, UNSEEN, Links, NamedRoot, Sight, Standing, folder_mark
from store.model.names import ObjectId
from store.system.clock import unix_seconds

if TYPE_CHECKING:
    from store.index.writing import Writer

MANY_LEASES = 64
"""From so many on, those of processes that have ended are dropped when one is added."""


HELD = 500
"""Objects that one transaction lets go of."""

CROWD = 500
"""Folders of links that are noted in one transaction."""


class Holding:
    """The index's records of objects that must stay."""

    def __init__(self, layout: Layout, index: Index) -> None:
        self.layout = layout
        self._index = index

    # -- roots --

    def roots(self) -> list[NamedRoot]:
        """Return every root, by name; links are looked at."""
        with self._index.read() as txn:
            return self.roots_in(txn)

    def roots_in(self, txn: Reader) -> list[NamedRoot]:
        """As :meth:`roots`, of a snapshot."""
        return self.standing(txn).named()

    def standing(self, txn: Reader, patience: float = UNSEEN) -> Standing:
        """Return every root of a snapshot as it is now, where there may be many thousands. One that
        is out of sight is kept for ``patience`` seconds."""
        return Standing(self.layout, txn.roots.values(), Sight(*txn.roots.sight()), patience)

    def note_unseen(self, standing: Standing) -> None:
        """Write down since when roots are out of sight, which are not any more, and in which
        folders the links in sight are."""
        changed = standing.sight()
        if changed:
            self._index.write(lambda txn: txn.roots.put_unseen(changed))
        moved = list(standing.folders().items())
        for start in range(0, len(moved), CROWD):
            crowd = dict(moved[start : start + CROWD])
            self._index.write(partial(_put_folders, crowd))

    def add_root(self, name: str, oid: ObjectId) -> None:
        """Keep the object, under a name; another object of that name is not kept any more.

        UsageError when it is no name that can be seen, and given again.
        """
        if name.startswith(LINK) or not name.isprintable() or name != name.strip() or not name:
            raise UsageError(f"{quoted(name)} cannot name a root")
        if len(os.fsencode(name)) > LONGEST_KEY:
            raise UsageError(
                f"{quoted(name[:40])}… cannot name a root: the most is {LONGEST_KEY} bytes"
            )
        self._index.write(lambda txn: txn.roots.put(name, oid))

    def remove_root(self, name: str) -> bool:
        """Keep it no longer, by its name or its link's path; returns whether there was one."""
        return not self.remove_roots([name])

    def remove_roots(self, names: Sequence[str]) -> list[str]:
        """As :meth:`remove_root` for all of them together, or none: returns the names of which
        there is no root, and then nothing is removed."""

        def transaction(txn: Writer) -> list[str]:
            found = {name: _root_named(txn, name) for name in names}
            lacking = [name for name, root in found.items() if root is None]
            if not lacking:
                for root in found.values():
                    txn.roots.remove(root or "")
            return lacking

        return self._index.write(transaction)

    def drop_dead_roots(self, roots: Iterable[NamedRoot]) -> int:
        """Remove those of the roots whose links are still missing; returns how many."""
        links = Links(self.layout)

        def transaction(txn: Writer) -> int:
            folders = txn.roots.sight()[0]
            return sum(txn.roots.remove(root.name) for root in roots if gone(root, folders))

        def gone(root: NamedRoot, folders: Mapping[bytes, int]) -> bool:
            if not root.path:
                return False
            name = os.fsencode(root.name)
            look = links.look(os.fsencode(root.path), root.recorded, folders.get(name))
            # Out of sight, only one goes that has been for too long.
            return not look.holds and not (look.hidden and root.unseen is None)

        return self._index.write(transaction)

    def link_root(self, path: str, oid: ObjectId) -> None:
        """Make (or replace) the link ``path`` to the object, and a root of it."""
        target = self.layout.object(oid)
        if os.path.lexists(path) and not os.path.islink(path):
            raise UsageError(f"{path} exists, and is not a link that could be replaced")

        def transaction(txn: Writer) -> None:
            txn.roots.put(link_name(path), oid, os.fsencode(path))
            # Within: no collector may see the root before its link is there.
            _make_link(path, target)
            txn.roots.put_folder(link_name(path), folder_mark(os.path.dirname(path)))

        self._index.write(transaction)

    # -- leases and uses --

    @contextlib.contextmanager
    def lease(self) -> Iterator[Lease]:
        """Objects in use by this process, which the collector must not take."""
        lease = Lease(self._index)
        try:
            yield lease
        finally:
            lease.end()

    def lease_until_exit(self, oids: Iterable[ObjectId]) -> None:
        """Lease objects to this process for as long as it lives, whatever program it becomes.

        A user that may not write to the store does without.
        """
        oids = tuple(oids)

        with self._index.read() as txn:
            many = txn.leases.count() > MANY_LEASES
        with contextlib.suppress(StoreReadOnly, NotOwner, StoreFull):
            if many:
                self.drop_stale_leases()
            self._index.write(lambda txn: Lease(self._index).add_within(txn, oids))

    def drop_stale_leases(self) -> int:
        """End the leases of processes that have ended; returns how many there were.

        In short transactions: a big build that was killed leaves thousands of objects leased.
        """
        with self._index.read() as txn:
            stale = txn.leases.stale()
        ended = 0
        while ended < len(stale):
            ended += self._index.write(partial(_end_some, stale[ended:]))
        return ended

    def note_used(self, oids: Iterable[ObjectId]) -> None:
        """The objects are used now. Written down only once an hour, and where it can be."""
        oids, now = tuple(oids), unix_seconds()
        with self._index.read() as txn:
            known = [number for number in map(txn.objects.number, oids) if number is not None]
            due = any(txn.times.use_is_due(number, now) for number in known)
        if due:
            with contextlib.suppress(StoreReadOnly, NotOwner, StoreFull):
                self._index.write(lambda txn: txn.times.note_used(oids, now))

    def note_verified(self, oids: Iterable[ObjectId]) -> None:
        """The objects' contents were found sound now."""
        oids = tuple(oids)
        self._index.write(lambda txn: txn.times.note_verified(oids))

    def least_recently_verified(self) -> list[ObjectId]:
        """Return every object, those never verified first, then by the time of verification."""
        with self._index.read() as txn:
            return txn.times.least_recently_verified()


class Lease:
    """The objects that one process uses. It ends with the process, if not before.

    Whoever relies on an object leases it *first* and looks whether it is there *then*: so the
    collector either sees the lease, or has been before the look.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._token = os.urandom(16)
        self._held: set[ObjectId] = set()
        self._begun = False

    def add(self, oids: Iterable[ObjectId]) -> bool:
        """Hold more objects; returns whether there was one among them that was not held."""
        fresh = sorted(set(oids) - self._held)
        if fresh:
            self._index.write(lambda txn: self.add_within(txn, fresh))
            self._held.update(fresh)
        return bool(fresh)

    def add_within(self, txn: Writer, oids: Iterable[ObjectId]) -> None:
        """Hold more objects, from the end of a transaction under way."""
        self._begun = True
        txn.leases.put(self._token, oids)

    def end(self) -> None:
        """Hold nothing any more."""
        if self._begun:
            self._begun = False
            self._held.clear()
            self._index.write(lambda txn: txn.leases.end(self._token))


def _end_some(tokens: Iterable[bytes], txn: Writer) -> int:
    """End the first of the leases, as many as a short transaction can; returns how many."""
    left, ended = HELD, 0
    for token in tokens:
        left -= txn.leases.end(token, left)
        if left == 0:
            break  # and the last of them may hold more
        ended += 1
    return ended


def link_name(path: str) -> str:
    """Return the name of the root for the link at ``path``."""
    # By digest: a path may be longer than a key of the index.
    cut = digest.file_digest(os.fsencode(path))[: digest.OBJECT_DIGEST_SIZE]
    return LINK + digest.to_text(cut)


def _put_folders(marks: Mapping[bytes, int], txn: Writer) -> None:
    for name, mark in marks.items():
        if txn.roots.has(os.fsdecode(name)):
            txn.roots.put_folder(os.fsdecode(name), mark)


def _root_named(txn: Reader, name: str) -> str | None:
    """Return the root of this name, or of the link with this path."""
    for each in (name, link_name(os.path.abspath(name))):
        if txn.roots.has(each):
            return each
    return None


def _make_link(path: str, target: str) -> None:
    # Not the link's name and more: that may be as long as one can be.
    fresh = os.path.join(os.path.dirname(path), f".link-{os.getpid()}.new")
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
        os.symlink(target, fresh)
        os.replace(fresh, path)
    except OSError as error:
        raise StorageError(f"cannot make the link {path}: {error.strerror}") from error
