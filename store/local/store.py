"""The store: the one place that orders object data on disk before the index says so."""

from __future__ import annotations

import contextlib
import os
from functools import cached_property
from typing import TYPE_CHECKING, Final

from store.errors import CorruptObject, StorageError, storage_error
from store.index.env import Index
from store.layout import opening
from store.layout.paths import Layout
from store.local.disk import DiskSpace
from store.local.leases import Leases
from store.local.realisations import Realisations
from store.local.stored_objects import Objects
from store.local.workspaces import Workspaces
from store.system.locks import Lock, LockFile, SharedLocks

if TYPE_CHECKING:
    from store.local.roots import Roots

_NEW_LOG = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC


class Store:
    """A store at a physical root, by its parts. Reading needs no ownership; writing does."""

    layout: Final[Layout]
    """Where things are."""

    index: Final[Index]
    """The index itself, for work on all of the store at once."""

    def __init__(self, layout: Layout, index: Index) -> None:
        self.layout = layout
        self.index = index
        self.disk: Final = DiskSpace(layout)
        self.objects: Final = Objects(layout, index, self.disk)
        self.realisations: Final = Realisations(index)
        self.leases: Final = Leases(index)
        self.workspaces: Final = Workspaces(layout)
        self._keys = LockFile(f"{layout.locks}/keys")

    @cached_property
    def roots(self) -> Roots:
        """Return the names and links that keep objects."""
        from store.local.roots import Roots

        return Roots(self.layout, self.index)

    @classmethod
    def open(cls, root: str, *, collecting: bool = False) -> Store:
        """Return the store at ``root``, made when there is none. With ``collecting``, the disk
        reserve may be used.

        Raises NotOwner, StoreReadOnly, StoreFull, NetworkFileSystem, SchemaMismatch, Busy, or
        CorruptObject when the index is damaged, or missing while there are objects; StorageError
        where none can be.
        """
        layout = Layout(root)
        if not opening.has_index(layout):
            opening.check_place(layout)
        owner = opening.owner_of(layout)
        if owner is None or not opening.has_index(layout):
            _make_directories(layout)
            owner = os.geteuid()
        opening.check_files(layout, owner)
        if owner == os.geteuid():
            opening.settle(layout)
        if _is_empty(f"{layout.index}/data.mdb") and _holds_any(layout.objects):
            # An empty one would say that nothing of this is needed.
            raise CorruptObject(
                f"the index in {layout.index} is missing",
                hint="`store index rebuild` makes it anew from the store directory",
            )
        index = Index.open(
            layout.index, spending=collecting, record_file=layout.records, owner=owner
        )
        if not all(map(os.path.lexists, layout.directories)):
            # A copy may lack empty ones. A user that may only read, or has no room, reads without
            # them.
            with contextlib.suppress(StorageError):
                index.check_writable()
                _make_directories(layout)
        if os.path.lexists(layout.links):
            from store.local.upgrade import remove_links

            remove_links(layout, index)
        return cls(layout, index)

    def close(self) -> None:
        """Close the index."""
        self.index.close()

    def check_writable(self) -> None:
        """Raise NotOwner or StoreReadOnly, unless this process may write here."""
        self.index.check_writable()

    def claims(self) -> SharedLocks:
        """Return the claims of a ``with`` block. The collector leaves objects alone that are put in
        place within, and registered before its end."""
        return SharedLocks(self.layout.claims)

    def try_lock(self, position: int) -> Lock | None:
        """Return the right to work on the key whose lock stands at ``position``, unless it is
        taken."""
        return self._keys.try_lock(position)

    def start_log(self, key: bytes) -> str:
        """Return the path of a new, empty log for this key. StoreFull, or StorageError."""
        path = self.layout.log(key)
        # A new inode: a reader that follows the former log must not see two builds mixed.
        self.check_writable()
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            os.close(os.open(path, _NEW_LOG, 0o644))
        except OSError as error:
            raise storage_error(error, "cannot begin a log") from error
        return path


def _make_directories(layout: Layout) -> None:
    from store.local.directories import make_directories

    make_directories(layout)


def _holds_any(folder: str) -> bool:
    try:
        return bool(os.listdir(folder))
    except FileNotFoundError:
        return False


def _is_empty(path: str) -> bool:
    try:
        return os.stat(path).st_size == 0
    except FileNotFoundError:
        return True
