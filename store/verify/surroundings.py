"""What lies around the objects: shared inodes, logs, leases, and what nobody knows."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from functools import partial

from store.errors import StoreError
from store.index.reading import Reader
from store.layout.paths import Layout
from store.local.store import Store
from store.model.names import ObjectId
from store.objects.check import Unread, owner_of
from store.objects.placing import BESIDE, exclusive
from store.objects.sharing import MTIME_NS, mode_of
from store.system.beneath import FOLDER
from store.system.locks import Claims, Hold
from store.system.parallel import map_chunks
from store.verify.finding import Finding
from store.verify.reading import Digest, Modes, hash_inodes

_SHELF = re.compile("[0-9a-f]{2}")
_LINK = re.compile("[0-9a-f]{62}x?")
_LOG = re.compile("[0-9a-f]{64}")

SHELVES = 64
"""Folders of shared files that one process looks at before another is forked."""


def _inode(path: str) -> int | None:
    try:
        return os.lstat(path).st_ino
    except FileNotFoundError:
        return None


def check_pool(layout: Layout, known: dict[int, Digest] | None, modes: Modes) -> Iterator[Finding]:
    """Every inode below ``links/`` against its name; with ``known``, its bytes, too.

    What is sound by ``known`` and ``modes`` is not looked at once more.
    """
    shelves = sorted(_listed(layout.links))
    unread: list[Unread] = []
    for findings, files in map_chunks(
        partial(_check_shelves, layout, known, modes), shelves, SHELVES
    ):
        yield from findings
        unread += files
    if known is None:
        return
    for file in unread:
        # An object's name for it may have gone before it could be read, and this one is here; or
        # what was read has been collected, and its inode given to this one.
        known.pop(file.inode, None)
    hash_inodes(unread, known)
    for file in unread:
        found = known[file.inode]
        # What was collected meanwhile is no finding, nor what was shared anew in its place.
        if found != file.expected and _inode(file.path) == file.inode:
            why = f"cannot be read: {found}" if isinstance(found, str) else "its digest differs"
            yield Finding("pool", file.path, why)


def _check_shelves(
    layout: Layout,
    known: dict[int, Digest] | None,
    modes: Modes,
    shelves: Sequence[str],
) -> tuple[list[Finding], list[Unread]]:
    """What is wrong with the names and inodes; and those whose bytes are not known to be right."""
    findings: list[Finding] = []
    unread: list[Unread] = []
    owner = owner_of(layout.links)
    for shelf in shelves:
        path = f"{layout.links}/{shelf}"
        if not _SHELF.fullmatch(shelf) or os.path.islink(path) or not os.path.isdir(path):
            findings.append(Finding("pool", path, "no folder of shared files"))
            continue
        try:
            fd = os.open(path, FOLDER)
            try:
                with os.scandir(fd) as entries:
                    names = [
                        entry.name
                        for entry in entries
                        if not _is(known, modes, entry.inode(), f"{shelf}{entry.name}")
                    ]
                for name in names:
                    with contextlib.suppress(FileNotFoundError):
                        found = os.stat(name, dir_fd=fd, follow_symlinks=False)
                        _check_link(path, name, found, owner, known, findings, unread)
            finally:
                os.close(fd)
        except OSError as error:
            findings.append(Finding("pool", path, f"cannot be read: {error.strerror}"))
    return findings, unread


def _is(known: dict[int, Digest] | None, modes: Modes, inode: int, name: str) -> bool:
    """Whether an inode that was read through an object is all that its name says."""
    if known is None:
        return False
    found = known.get(inode)
    if type(found) is not bytes or inode in modes.unsure:
        return False
    return name == (found.hex() + "x" if inode in modes.programs else found.hex())


def _check_link(
    shelf: str,
    name: str,
    found: os.stat_result,
    owner: int | None,
    known: dict[int, Digest] | None,
    findings: list[Finding],
    unread: list[Unread],
) -> None:
    path = f"{shelf}/{name}"
    if not _LINK.fullmatch(name) or not stat.S_ISREG(found.st_mode):
        findings.append(Finding("pool", path, "no shared file"))
        return
    if found.st_mode & 0o7777 != mode_of(name.endswith("x")):
        findings.append(Finding("pool", path, f"its mode is {found.st_mode & 0o7777:04o}"))
    if found.st_uid != owner:
        findings.append(Finding("pool", path, f"belongs to user {found.st_uid}, not to {owner}"))
    if found.st_mtime_ns != MTIME_NS:
        findings.append(Finding("pool", path, "changed since it was stored"))
    if found.st_nlink == 1:
        findings.append(Finding("leftover", path, "no object has this file"))
    expected = bytes.fromhex(shelf[-2:] + name.removesuffix("x"))
    if known is not None and known.get(found.st_ino) != expected:
        unread.append(Unread(path, expected, found.st_ino, found.st_size, found.st_nlink))


def check_unregistered(store: Store) -> Iterator[Finding]:
    """Objects and manifests that the index does not know, and nobody is about to tell it of."""
    layout = store.layout
    folders = (layout.objects, layout.manifests)
    names: list[tuple[str, str]] = []
    with store.index.read() as txn:
        for folder in folders:
            listed = sorted(_listed(folder))
            names += [(folder, name) for name in listed if not _registered(txn, name)]
    if not names:
        return
    try:
        claims = Claims(layout.claims)
    except StoreError:
        return  # who does not own the store cannot see what is under way
    try:
        # Alone: who adds may be before the claim now, and nobody moves anything.
        with exclusive(layout):
            free = [item for item in names if not _claimed(claims, item[1])]
            with store.index.read() as txn:
                names = [item for item in free if not _registered(txn, item[1])]
            # Again: who deletes claims before the index forgets, and until it is moved.
            names = [
                (folder, name)
                for folder, name in names
                if not _claimed(claims, name) and os.path.lexists(f"{folder}/{name}")
            ]
    finally:
        claims.release()
    for folder, name in names:
        beside = folder == layout.objects and name.startswith(BESIDE)
        kind, why = (
            ("leftover", "of one that was killed while it put the object in place")
            if beside
            else ("stray", "not registered")
        )
        yield Finding(kind, f"{folder}/{name}", why)


def _registered(txn: Reader, name: str) -> bool:
    oid = _parsed(name)
    return oid is not None and txn.has(oid)


def _claimed(claims: Claims, name: str) -> bool:
    oid = _parsed(name.lstrip(BESIDE))
    return oid is not None and claims.taken(oid.digest)


def _parsed(name: str) -> ObjectId | None:
    try:
        return ObjectId.parse(name)
    except StoreError:
        return None


def check_logs(store: Store) -> Iterator[Finding]:
    """Logs of keys that nothing is recorded of, and that nobody works on."""
    names = sorted(_listed(store.layout.logs))
    try:
        claims = Claims(f"{store.layout.locks}/keys")
    except StoreError:
        return
    try:
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
                    known = txn.node(key) is not None
            except StoreError:
                continue  # a finding of the index
            if not known and os.path.lexists(path):
                yield Finding("stray", path, "the index knows no derivation of this key")
    finally:
        claims.release()


def check_folders(layout: Layout) -> Iterator[Finding]:
    """What stands in the place of the store's folders; folders of processes that are gone, and what
    waits in the trash."""
    for path in layout.directories:
        if os.path.lexists(path) and not os.path.isdir(path):
            yield Finding("kind", path, "not a folder")
    for folder in (layout.tmp, layout.trash):
        for name in sorted(_listed(folder)):
            path = f"{folder}/{name}"
            with contextlib.suppress(OSError):
                Hold(path).release()
                yield Finding("leftover", path, "of a process that is gone")


def check_leftovers(store: Store) -> Iterator[Finding]:
    """As :func:`check_folders`, and leases that cannot be read.

    A lease whose process has ended is none: each `store run` leaves one, as its process becomes the
    program, and the next collection drops it.
    """
    yield from check_folders(store.layout)
    try:
        with store.index.read() as txn:
            txn.leases()
    except StoreError as error:
        yield Finding("index", "index/leases", error.message)


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
