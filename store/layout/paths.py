"""Where things lie below a store's physical root."""

from __future__ import annotations

import os
from typing import Final

from store.model.names import ObjectId
from store.system.home import data_folder, expand_home

_INDEX_FILES = ("data.mdb", "lock.mdb", "use", "contents.mdb", "contents.mdb-lock", "contents.lock")


class Layout:
    """Paths below ``root``. Only ``objects`` is seen by programs, as ``/store``."""

    def __init__(self, root: str) -> None:
        self.root: Final = root

    @property
    def objects(self) -> str:
        """The store directory: ``<digest>-<name>`` entries, read-only."""
        return f"{self.root}/store"

    @property
    def manifests(self) -> str:
        """One canonical record an object, under the object's own name."""
        return f"{self.root}/manifests"

    @property
    def index(self) -> str:
        """The LMDB environment."""
        return f"{self.root}/index"

    @property
    def records(self) -> str:
        """The file of what only the index would know otherwise."""
        return f"{self.root}/records"

    @property
    def tmp(self) -> str:
        """Work in progress; worthless when nobody holds its lock."""
        return f"{self.root}/tmp"

    @property
    def logs(self) -> str:
        """Build logs, by key in hex."""
        return f"{self.root}/logs"

    @property
    def locks(self) -> str:
        """Advisory locks between processes: one a key that is being realised, and the tokens."""
        return f"{self.root}/locks"

    @property
    def claims(self) -> str:
        """The lock file of objects that are in place and not registered yet."""
        return f"{self.locks}/objects"

    @property
    def config(self) -> str:
        """How the store is to be kept, as its owner wrote it; there need not be one."""
        return f"{self.root}/config.toml"

    @property
    def marker(self) -> str:
        """The file that says of the root that it is a store."""
        return f"{self.root}/fixpoint"

    @property
    def partial(self) -> str:
        """Downloads under way; kept for resuming."""
        return f"{self.root}/partial"

    @property
    def bad(self) -> str:
        """Files that did not have the hash that was asked for."""
        return f"{self.root}/bad"

    @property
    def failed(self) -> str:
        """Work folders of failed builds, when asked to keep them."""
        return f"{self.root}/failed"

    @property
    def audits(self) -> str:
        """Logs, and trees when asked to keep them, of rebuilds that came out otherwise."""
        return f"{self.root}/audits"

    @property
    def statements(self) -> str:
        """The owner's signed statements of this store, for others that import from it; there need
        not be such a folder."""
        return f"{self.root}/statements"

    @property
    def quarantine(self) -> str:
        """Damaged objects that could not be repaired, each in a folder with a note of why."""
        return f"{self.root}/quarantine"

    @property
    def links(self) -> str:
        """In a store of an earlier version, a second name for each file."""
        return f"{self.root}/links"

    @property
    def trash(self) -> str:
        """Objects that are being deleted."""
        return f"{self.root}/trash"

    @property
    def directories(self) -> tuple[str, ...]:
        """All of the above, but for those that are made when they are needed."""
        return (
            self.objects,
            self.manifests,
            self.index,
            self.tmp,
            self.logs,
            self.locks,
            self.partial,
            self.bad,
            self.failed,
            self.audits,
            self.trash,
        )

    @property
    def private(self) -> tuple[str, ...]:
        """The folders that the owner alone may enter: each reader of a file can lock it."""
        return (
            self.locks,
            self.tmp,
            self.partial,
            self.bad,
            self.failed,
            self.trash,
            self.quarantine,
        )

    @property
    def files(self) -> tuple[str, ...]:
        """The files of the index, which LMDB and the engine open by name."""
        return tuple(f"{self.index}/{name}" for name in _INDEX_FILES)

    def object(self, oid: ObjectId) -> str:
        """Return where the object lies physically."""
        return f"{self.objects}/{oid}"

    def manifest(self, oid: ObjectId) -> str:
        """Return the object's manifest."""
        return f"{self.manifests}/{oid}"

    def log(self, key: bytes) -> str:
        """Return the log of the newest build of this key."""
        return f"{self.logs}/{key.hex()}"


def default_root() -> str:
    """``$STORE_ROOT``, else ``/var/lib/fixpoint`` for root, else in the user's data home.

    Raises StorageError for a user without a home folder.
    """
    configured = os.environ.get("STORE_ROOT")
    if configured:
        return os.path.abspath(expand_home(configured))
    if os.geteuid() == 0:
        return "/var/lib/fixpoint"
    return os.path.abspath(os.path.join(data_folder(), "fixpoint"))


def default_recipes() -> str:
    """``$STORE_RECIPES``, else the ``derivations`` folder beside the engine."""
    configured = os.environ.get("STORE_RECIPES")
    checkout = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
    beside = os.path.join(checkout, "derivations")
    return os.path.abspath(expand_home(configured)) if configured else beside


def default_seed() -> str:
    """``$STORE_SEED``, else the seed that needs the least."""
    return os.environ.get("STORE_SEED") or "debian"
