"""Where things lie below a store's physical root."""

from __future__ import annotations

import os
from typing import Final, NoReturn

from store.model.names import ObjectId
from store.system.home import data_folder, expand_home

_INDEX_FILES = (
    "data.mdb",
    "lock.mdb",
    "use",
    "contents.mdb",
    "contents.mdb-lock",
    "contents.lock",
    "sha256.mdb",
    "sha256.mdb-lock",
    "sha256.lock",
)


class _Below:
    """A path below the root of a layout."""

    def __init__(self, name: str) -> None:
        self._end = f"/{name}"

    def __get__(self, layout: Layout, _: type[Layout]) -> str:
        return layout.root + self._end

    def __set__(self, layout: Layout, path: str) -> NoReturn:
        raise AttributeError("a layout follows from its root")


class Layout:
    """Paths below ``root``. Only ``objects`` is seen by programs, as ``/store``."""

    objects = _Below("store")
    """The store directory: ``<digest>-<name>`` entries, read-only."""

    manifests = _Below("manifests")
    """One canonical record an object, under the object's own name."""

    index = _Below("index")
    """The LMDB environment."""

    records = _Below("records")
    """The file of what only the index would know otherwise."""

    tmp = _Below("tmp")
    """Work in progress; worthless when nobody holds its lock."""

    logs = _Below("logs")
    """Build logs, by key in hex."""

    locks = _Below("locks")
    """Advisory locks between processes: one a key that is being realised, and the tokens."""

    claims = _Below("locks/objects")
    """The lock file of objects that are in place and not registered yet."""

    config = _Below("config.toml")
    """How the store is to be kept, as its owner wrote it; there need not be one."""

    marker = _Below("fixpoint")
    """The file that says of the root that it is a store."""

    partial = _Below("partial")
    """Downloads under way; kept for resuming."""

    bad = _Below("bad")
    """Files that did not have the hash that was asked for."""

    failed = _Below("failed")
    """Work folders of failed builds, when asked to keep them."""

    audits = _Below("audits")
    """Logs, and trees when asked to keep them, of rebuilds that came out otherwise."""

    statements = _Below("statements")
    """The owner's signed statements of this store, for others that import from it; there need
    not be such a folder."""

    quarantine = _Below("quarantine")
    """Damaged objects that could not be repaired, each in a folder with a note of why."""

    profiles = _Below("profiles")
    """The owner's profiles, but for those that are elsewhere by choice; there need not be such a
    folder."""

    launcher = _Below("launcher")
    """The program that starts those of a profile where ``/store`` is not this store; there need
    not be one."""

    links = _Below("links")
    """In a store of an earlier version, a second name for each file."""

    trash = _Below("trash")
    """Objects that are being deleted."""

    def __init__(self, root: str) -> None:
        self.root: Final = root

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
    """Return ``$STORE_ROOT``, else ``/var/lib/fixpoint`` for root, else in the user's data home.

    Raises StorageError for a user without a home folder.
    """
    configured = os.environ.get("STORE_ROOT")
    if configured:
        return os.path.abspath(expand_home(configured))
    if os.geteuid() == 0:
        return "/var/lib/fixpoint"
    return os.path.abspath(os.path.join(data_folder(), "fixpoint"))


def default_recipes() -> str:
    """Return ``$STORE_RECIPES``, else the ``derivations`` folder beside the engine."""
    configured = os.environ.get("STORE_RECIPES")
    checkout = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
    beside = os.path.join(checkout, "derivations")
    return os.path.abspath(expand_home(configured)) if configured else beside


def default_profile() -> str | None:
    """Return ``$STORE_PROFILE``; None where it is empty or not set."""
    return os.environ.get("STORE_PROFILE") or None


def default_seed() -> str:
    """Return ``$STORE_SEED``, else the seed that needs the least."""
    return os.environ.get("STORE_SEED") or "debian"
