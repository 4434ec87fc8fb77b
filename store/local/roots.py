"""The roots of the store: names and links that keep objects."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from store import digest
from store.display import quoted
from store.errors import UsageError
from store.index.env import Index
from store.index.reading import Reader
from store.index.schema import LONGEST_KEY
from store.layout.paths import Layout
from store.local.links import make_link
from store.local.root_snapshot import (
    LINK,
    UNSEEN,
    LinkResolver,
    NamedRoot,
    RootSnapshot,
    Sight,
    folder_mark,
)
from store.model.names import ObjectId

if TYPE_CHECKING:
    from store.index.writing import Writer

CROWD = 500
"""Folders of links that are noted in one transaction."""


class Roots:
    """The names and links that keep objects."""

    def __init__(self, layout: Layout, index: Index) -> None:
        self._layout = layout
        self._index = index

    def all(self) -> list[NamedRoot]:
        """Return every root, by name; links are looked at."""
        with self._index.read() as txn:
            return self.all_in(txn)

    def all_in(self, txn: Reader) -> list[NamedRoot]:
        """Return as :meth:`all` the roots of a snapshot."""
        return self.snapshot(txn).named()

    def unregistered(self, txn: Reader) -> list[NamedRoot]:
        """Return the roots of a snapshot that keep an object which the index does not know.

        Links may be newer than the snapshot, and are looked at once more: another target, or one
        that is registered by now, is no fault.
        """
        found = [
            root for root in self.all_in(txn) if root.holds and not txn.objects.has(root.holds)
        ]
        return [root for root in found if self._still_unregistered(root)]

    def _still_unregistered(self, root: NamedRoot) -> bool:
        assert root.holds is not None
        if root.path is None:
            return True
        with self._index.read() as later:
            if later.objects.has(root.holds):
                return False
        look = LinkResolver(self._layout).look(os.fsencode(root.path), root.holds)
        return look.hidden or look.holds == root.holds

    def snapshot(
        self, txn: Reader, patience: float = UNSEEN, leaving: Collection[str] = ()
    ) -> RootSnapshot:
        """Return every root of a snapshot as it is now, where there may be many thousands. One that
        is out of sight is kept for ``patience`` seconds; those of the links ``leaving`` are left
        out."""
        roots = txn.roots.values()
        if leaving:
            names = {link_name(path).encode() for path in leaving}
            roots = [root for root in roots if root[0] not in names]
        return RootSnapshot(self._layout, roots, Sight(*txn.roots.sight()), patience)

    def note_unseen(self, snapshot: RootSnapshot) -> None:
        """Write down since when roots are out of sight, which are not any more, and in which
        folders the links in sight are."""
        changed = snapshot.sight()
        if changed:
            self._index.write(lambda txn: txn.roots.put_unseen(changed))
        moved = list(snapshot.folders().items())
        for start in range(0, len(moved), CROWD):
            crowd = dict(moved[start : start + CROWD])
            self._index.write(partial(_put_folders, crowd))

    def add(self, name: str, oid: ObjectId) -> None:
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

    def remove(self, name: str) -> bool:
        """Keep it no longer, by its name or its link's path; returns whether there was one."""
        return not self.remove_all([name])

    def remove_all(self, names: Sequence[str]) -> list[str]:
        """Remove as :meth:`remove` all of them together, or none: returns the names of which there
        is no root, and then nothing is removed."""

        def transaction(txn: Writer) -> list[str]:
            found = {name: _root_named(txn, name) for name in names}
            lacking = [name for name, root in found.items() if root is None]
            if not lacking:
                for root in found.values():
                    txn.roots.remove(root or "")
            return lacking

        return self._index.write(transaction)

    def drop_dead(self, roots: Iterable[NamedRoot]) -> int:
        """Remove those of the roots whose links are still missing; returns how many."""
        links = LinkResolver(self._layout)

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

    def has_link(self, path: str) -> bool:
        """Return whether there is a root for the link at ``path``, wherever that leads."""
        with self._index.read() as txn:
            return txn.roots.has(link_name(path))

    def link(self, path: str, oid: ObjectId) -> None:
        """Make (or replace) the link ``path`` to the object, and a root of it. One among the
        store's own files is relative: it moves with the store."""
        target = self._layout.object(oid)
        if path.startswith(f"{self._layout.root}/"):
            target = os.path.relpath(target, os.path.dirname(path))
        if os.path.lexists(path) and not os.path.islink(path):
            raise UsageError(
                f"{path} exists, and is not a link that could be replaced",
                hint="choose another place for the link",
            )

        def transaction(txn: Writer) -> None:
            txn.roots.put(link_name(path), oid, os.fsencode(path))
            # Within: no collector may see the root before its link is there.
            make_link(path, target)
            txn.roots.put_folder(link_name(path), folder_mark(os.path.dirname(path)))

        self._index.write(transaction)


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
