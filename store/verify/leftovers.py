"""Files around the objects: contents, logs, leases, and unknown ones."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence

from store.errors import StoreError
from store.index.reading import Reader
from store.layout.paths import Layout
from store.local.equal_files import untold
from store.local.store import Store
from store.model.names import ObjectId, parse_all
from store.objects.placing import BESIDE, exclusive
from store.system.locks import DirectoryLock, SharedLocks
from store.verify.finding import Finding

MANY = 4096
"""Names that are looked up together."""

_LOG = re.compile("[0-9a-f]{64}")


def check_untold(store: Store) -> Iterator[Finding]:
    """Yield objects that the table of contents lacks. Only the store's owner can see."""
    try:
        store.check_writable()
    except StoreError:
        return
    for name in untold(store.layout, store.index)[0]:
        oid = ObjectId.parse(name)
        why = "its files are not offered to others; `store optimise` mends that"
        yield Finding("unshared", oid.path, why, oid)


def check_unregistered(store: Store) -> Iterator[Finding]:
    """Yield objects and manifests that the index does not know, and nobody is about to tell it
    of."""
    layout = store.layout
    folders = (layout.objects, layout.manifests)
    names: list[tuple[str, str]] = []
    with store.index.read() as txn:
        former: list[str] = []
        unknown: list[str] = []
        for folder in folders:
            listed = sorted(_listed(folder))
            if listed != former:  # each object has a manifest of its own name
                former, unknown = listed, list(_unregistered(txn, listed))
            names += [(folder, name) for name in unknown]
    if not names:
        return
    try:
        claims = SharedLocks(layout.claims)
    except StoreError:
        return  # only the store's owner can see work in progress
    # Alone: an adder may be before the claim now, and nobody moves anything.
    with claims, exclusive(layout):
        free = [item for item in names if not _claimed(claims, item[1])]
        with store.index.read() as txn:
            names = [item for item in free if not _registered(txn, item[1])]
        # Again: a deleter claims before the index forgets, and until it is moved.
        names = [
            (folder, name)
            for folder, name in names
            if not _claimed(claims, name) and os.path.lexists(f"{folder}/{name}")
        ]
    for folder, name in names:
        beside = folder == layout.objects and name.startswith(BESIDE)
        kind, why = (
            ("leftover", "of a process that was killed while it put the object in place")
            if beside
            else ("stray", "not registered")
        )
        yield Finding(kind, f"{folder}/{name}", why)


def _unregistered(txn: Reader, names: Sequence[str]) -> Iterator[str]:
    """Return those of the names that are of no registered object."""
    for start in range(0, len(names), MANY):
        many = names[start : start + MANY]
        try:
            digests = {oid.digest for oid in parse_all(many)}
        except StoreError:
            digests = set()
        if len(txn.objects.numbers_of(digests)) < len(digests) or not digests:
            yield from (name for name in many if not _registered(txn, name))


def _registered(txn: Reader, name: str) -> bool:
    oid = _parsed(name)
    return oid is not None and txn.objects.has(oid)


def _claimed(claims: SharedLocks, name: str) -> bool:
    oid = _parsed(name.lstrip(BESIDE))
    return oid is not None and claims.taken(oid.digest)


def _parsed(name: str) -> ObjectId | None:
    try:
        return ObjectId.parse(name)
    except StoreError:
        return None


def check_logs(store: Store) -> Iterator[Finding]:
    """Yield findings for logs of keys that have no record, and that nobody works on."""
    names = sorted(_listed(store.layout.logs))
    try:
        claims = SharedLocks(f"{store.layout.locks}/keys")
    except StoreError:
        return
    with claims:
        for name in names:
            path = f"{store.layout.logs}/{name}"
            if not _LOG.fullmatch(name):
                yield Finding("stray", path, "no log of a key")
                continue
            key = bytes.fromhex(name)
            if claims.taken(key):
                continue
            try:
                with store.index.read() as txn:
                    known = txn.nodes.get(key) is not None
            except StoreError:
                continue  # a finding of the index
            if not known and os.path.lexists(path):
                yield Finding("stray", path, "the index knows no derivation of this key")


def check_folders(layout: Layout) -> Iterator[Finding]:
    """Yield wrong entries in place of folders, folders of ended processes, and trash."""
    for path in layout.directories:
        if os.path.lexists(path) and not os.path.isdir(path):
            yield Finding("kind", path, "not a folder")
    for folder in (layout.tmp, layout.trash):
        for name in sorted(_listed(folder)):
            path = f"{folder}/{name}"
            with contextlib.suppress(OSError):
                DirectoryLock(path).release()
                yield Finding("leftover", path, "of a process that has ended")


def check_leftovers(store: Store) -> Iterator[Finding]:
    """Yield the findings of :func:`check_folders`, and leases that cannot be read.

    A lease whose process has ended is none: each `store run` leaves one, as its process becomes the
    program, and the next collection drops it.
    """
    yield from check_folders(store.layout)
    try:
        with store.index.read() as txn:
            txn.leases.all()
    except StoreError as error:
        yield Finding("index", "index/leases", error.message)


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
