"""Putting a finished tree under its final name, with its manifest beside it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from store.errors import FormatError, InvalidName, StorageError
from store.layout.paths import Layout
from store.model.file_tree import NodeKind
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects.content import LONGEST_RECORD, read_record
from store.objects.sharing import finish
from store.objects.staged import TOP
from store.objects.tree_check import differs
from store.system import kernel, owned
from store.system.durable import move, sync_folder
from store.system.locks import SharedLocks, lock_alone
from store.system.removing import remove_tree

_CANNOT_EXCHANGE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
"""Errors of file systems that cannot exchange two names. There, for a moment nothing is in the
place."""

BESIDE = "."
"""How the name of an object begins in the store directory that is about to be put in its place; or,
for a moment, that was replaced."""

FORMER = BESIDE * 2
"""Likewise, of one that is to be replaced where two cannot change places."""

_MARKS = (BESIDE, FORMER, *(BESIDE * dots for dots in range(3, 10)))
"""Each of these; those beyond the second serve where the system lets nobody touch the first."""

RECORD = "manifest"
"""The name of an object's manifest in the folder of its tree, before it is put in place."""

MANIFEST = stat.S_IFREG | 0o444
"""The mode of a manifest."""

IMMOVABLE = (
    errno.EXDEV,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EMLINK,
    errno.EINVAL,
    errno.ENOSYS,
    errno.EOPNOTSUPP,
)
"""Errors of a system that cannot rename a folder, and may well let it be removed in its place: one
in the lower layer of an overlay, or where there is no room for another name."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextlib.contextmanager
def exclusive(layout: Layout) -> Iterator[int]:
    """Hold the lock among processes that put objects in place or take them away.

    Yields the store directory's descriptor. Without this, a process would take an object that
    another is just putting in place for one that a cut left half-made.
    """
    with contextlib.ExitStack() as stack:
        lock = owned.open_lock(f"{layout.locks}/placing")
        stack.callback(os.close, lock)
        lock_alone(lock, f"the store directory {layout.objects}")
        folder = owned.open_folder(layout.objects)
        stack.callback(os.close, folder)
        yield folder


def place(
    layout: Layout,
    staged: str,
    manifest: Manifest,
    claims: SharedLocks | None = None,
    *,
    always: bool = False,
) -> None:
    """Make the tree at ``staged``, whose files are on disk, the object of ``manifest``.

    Durable when this returns. If the object is there already and whole, it stays, and ``staged``
    too, unless it is to be replaced ``always``. A replaced object is left beside ``staged``. The
    collector does not take the new one away until its claims are released, after registration.
    """
    settled: tuple[int, int, int] | None = None
    damaged = False
    if not _is_recorded(layout, manifest):
        # Not below: nobody else has to wait for the disk to write it.
        _write_record(_encoded(manifest), f"{os.path.dirname(staged)}/{RECORD}", sync=True)
    while True:
        with exclusive(layout) as folder:
            if claims is not None:
                # Alone already: the collector looks for claims when it is alone, too.
                claims.add(manifest.id.digest)
            found = _identity(layout.object(manifest.id))
            if found is None or found == settled:
                there = found is not None
                _settle(layout, staged, manifest, folder, there=there, damaged=damaged)
                break
        # Compared while others work: whoever was putting it in place has finished, as we were
        # alone a moment ago, and if it is replaced meanwhile, it is looked at again.
        settled = found
        damaged = always or differs(staged, layout.object(manifest.id), manifest)
    # By now others may have found the name. They wait for the disk here, too.
    sync_folder(layout.objects)
    sync_folder(layout.manifests)


def _identity(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_ctime_ns


def _settle(
    layout: Layout, staged: str, manifest: Manifest, folder: int, *, there: bool, damaged: bool
) -> None:
    # First: a tree with an object's name has a manifest, whenever a process is killed.
    _write_manifest(layout, manifest, os.path.dirname(staged))
    if there and damaged:
        # Not what its name says: left by a cut before it was whole, or damaged since.
        _replace(layout, staged, manifest, folder)
    elif not there:
        _appear(layout, staged, manifest, folder)


def _appear(layout: Layout, staged: str, manifest: Manifest, folder: int) -> None:
    """Put the tree at ``staged`` where no object is. A directory is finished beside that place, as
    it could not be moved to another folder when it is finished; so a tree with the name is
    whole."""
    target = layout.object(manifest.id)
    if manifest.root.kind is not NodeKind.DIRECTORY:
        os.rename(staged, target)
        return
    clear_swap(layout, manifest.id, os.path.dirname(staged), folder, known=False)
    fresh = _beside(layout, manifest.id)
    os.rename(staged, fresh)
    _finish_top(fresh)
    os.rename(fresh, target)


def _replace(layout: Layout, staged: str, manifest: Manifest, folder: int) -> None:
    """Put the tree at ``staged`` in the place of the object. The old one is left beside ``staged``
    at the end; the maker of their folder removes it.

    The new one is finished beside the old one first: in one folder, two can change places whatever
    their modes are, so that at no instant anything but one of the two is the object.
    """
    target = layout.object(manifest.id)
    aside = os.path.dirname(staged)
    clear_swap(layout, manifest.id, aside, folder, known=True)
    fresh = _beside(layout, manifest.id)
    os.rename(staged, fresh)
    _finish_top(fresh)
    former = _change_places(layout, fresh, target, manifest.id)
    # The replaced tree may have been whole. It may not go before the other is there for good.
    os.fsync(folder)
    if former is not None:
        move(former, f"{aside}/replaced")


def _change_places(layout: Layout, fresh: str, target: str, oid: ObjectId) -> str | None:
    """Put ``fresh`` in the place of ``target``; returns where that is then, None when it had to be
    removed where it stood."""
    try:
        kernel.exchange(fresh, target)
        return fresh
    except OSError as error:
        if error.errno not in (*_CANNOT_EXCHANGE, *IMMOVABLE):
            raise _irreplaceable(error, target) from error
    former = f"{layout.objects}/{FORMER}{oid}"
    try:
        os.rename(target, former)
    except OSError as error:
        if error.errno not in IMMOVABLE:
            raise _irreplaceable(error, target) from error
        # A kill from here on leaves a mark, by which the next one goes on.
        mark_unsound(target)
        remove_tree(target).refuse()
        former = ""
    os.rename(fresh, target)
    return former or None


def _irreplaceable(error: OSError, target: str) -> StorageError:
    return StorageError(
        f"{target} is damaged, and cannot be replaced: {error.strerror}",
        hint="`lsattr -d` and `findmnt` may show the cause",
    )


def mark_unsound(path: str) -> None:
    """Give the folder at ``path`` a mode that no object has, so that whoever looks at it takes it
    for damaged; on disk when this returns. OSError when the system forbids it."""
    fd = os.open(path, _FOLDER | os.O_NOFOLLOW)
    try:
        os.fchmod(fd, 0o755)
        os.fsync(fd)
    finally:
        os.close(fd)


def _beside(layout: Layout, oid: ObjectId) -> str:
    """Return a path beside an object's that is free: the first, unless something there cannot
    go."""
    for mark in (BESIDE, *_MARKS[2:]):
        path = f"{layout.objects}/{mark}{oid}"
        if not os.path.lexists(path):
            return path
    raise StorageError(f"{path} and others like it are in the way", hint="remove them")


def clear_swap(layout: Layout, oid: ObjectId, aside: str, folder: int, *, known: bool) -> None:
    """Move the leftovers of a killed swap of an object, or of a killed put, to the folder
    ``aside``.

    For a caller that is :func:`exclusive`, which gave it ``folder``. An object that is ``known`` to
    be needed, and that was not in its place at the time of the kill, is put there.
    """
    target = layout.object(oid)
    left = [mark for mark in _MARKS if os.path.lexists(f"{layout.objects}/{mark}{oid}")]
    if left and known and _is_marked(target):
        remove_tree(target).refuse()
    if left and known and not os.path.lexists(target):
        # The new one first. Of a swap it is finished, as the former has left its place; of one that
        # was put where nothing was, it need not be.
        fresh = f"{layout.objects}/{left.pop(0)}{oid}"
        _finish_top(fresh)
        os.rename(fresh, target)
    if left:
        # The tree that was swapped in last may be there no longer than until a power cut.
        os.fsync(folder)
    for mark in left:
        path = f"{layout.objects}/{mark}{oid}"
        try:
            move(path, f"{aside}/left{mark}{oid}")
        except OSError:
            # As much as can go; the rest is in nobody's way, and reported by `store verify`.
            remove_tree(path)


def _is_marked(path: str) -> bool:
    """Return whether a folder was to be removed where it stands, when a kill came."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and bool(found.st_mode & stat.S_IWUSR)


def swapped(names: Iterable[str]) -> set[ObjectId]:
    """Return the objects of which a swap goes on, or was killed, by the names in the store
    directory."""
    found = set()
    for name in names:
        if name.startswith(BESIDE):
            with contextlib.suppress(FormatError, InvalidName):
                found.add(ObjectId.parse(name.lstrip(BESIDE)))
    return found


def _finish_top(path: str, *, sync: bool = True) -> None:
    """Make a tree's top final, if it is a directory; with ``sync``, on disk."""
    if not os.path.isdir(path) or os.path.islink(path):
        return
    fd = os.open(path, _FOLDER | os.O_NOFOLLOW)
    try:
        finish(fd, 0o555)
        if sync:
            os.fsync(fd)
    finally:
        os.close(fd)


def _write_manifest(layout: Layout, manifest: Manifest, staging: str) -> None:
    """Put the manifest in its place, if it is not there: the one that is written in the folder
    ``staging``, or another."""
    if _is_recorded(layout, manifest):
        return
    fresh = f"{staging}/{RECORD}"
    if not os.path.lexists(fresh):
        _write_record(_encoded(manifest), fresh, sync=True)
    os.rename(fresh, layout.manifest(manifest.id))


def _is_recorded(layout: Layout, manifest: Manifest) -> bool:
    with contextlib.suppress(OSError):
        there, seen = read_record(layout.manifest(manifest.id))
        whole = seen.st_mode == MANIFEST and seen.st_uid == os.geteuid()
        return whole and there == _encoded(manifest)
    return False


def _encoded(manifest: Manifest) -> bytes:
    data = manifest.encode()
    if len(data) > LONGEST_RECORD:
        raise FormatError(f"{manifest.id} has more files and folders than an object can have")
    return data


def _write_record(data: bytes, path: str, *, sync: bool) -> None:
    with open(path, "xb") as stream:
        stream.write(data)
        stream.flush()
        os.fchmod(stream.fileno(), stat.S_IMODE(MANIFEST))
        if sync:
            os.fsync(stream.fileno())


# -- several at once ------------------------------------------------------------------------------


class FinishedTree(NamedTuple):
    """A tree that is called ``TOP`` in the folder ``staging``, with its manifest as ``RECORD``
    beside it (:func:`write_record`); all of it on disk."""

    staging: str
    manifest: Manifest

    @property
    def top(self) -> str:
        """Where the tree is."""
        return f"{self.staging}/{os.fsdecode(TOP)}"


def write_record(manifest: Manifest, staging: str) -> None:
    """Write a manifest into the folder of its tree; the caller syncs it. OSError, FormatError."""
    _write_record(_encoded(manifest), f"{staging}/{RECORD}", sync=False)


def place_all(layout: Layout, trees: Sequence[FinishedTree], claims: SharedLocks) -> None:
    """Act as :func:`place`, of many trees, with as few waits for the disk as for one."""
    with exclusive(layout) as folder:
        for tree in trees:
            claims.add(tree.manifest.id.digest)
        there = [os.path.lexists(layout.object(tree.manifest.id)) for tree in trees]
        pairs = list(zip(trees, there, strict=True))
        moved = [_move_beside(layout, tree, folder) for tree, known in pairs if not known]
        for path, _ in moved:
            _sync_top(path)  # the first of these waits for the disk, and the others find it done
        for path, target in moved:
            os.rename(path, target)
        os.fsync(folder)
    sync_folder(layout.manifests)
    for tree, known in pairs:
        if known:
            os.unlink(f"{tree.staging}/{RECORD}")
            place(layout, tree.top, tree.manifest, claims)


def _move_beside(layout: Layout, tree: FinishedTree, folder: int) -> tuple[str, str]:
    """Put a manifest in its place, and a folder beside its place, finished; returns where the tree
    is now, and where it belongs."""
    oid = tree.manifest.id
    os.rename(f"{tree.staging}/{RECORD}", layout.manifest(oid))
    if tree.manifest.root.kind is not NodeKind.DIRECTORY:
        return tree.top, layout.object(oid)
    clear_swap(layout, oid, tree.staging, folder, known=False)
    fresh = _beside(layout, oid)
    os.rename(tree.top, fresh)
    _finish_top(fresh, sync=False)
    return fresh, layout.object(oid)


def _sync_top(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        sync_folder(path)
