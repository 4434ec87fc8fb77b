"""Taking a tree into the store: copy and hash in one pass, make durable, put in place.

The order is what makes a power cut harmless: an inode's bytes are on disk before anything but the
staging folder names it, and the names are on disk before the caller tells the index.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from store import kernel
from store.errors import OutputRefused, storage_error
from store.layout import Layout
from store.model import identity
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.tree import NodeKind
from store.objects.check import check_tree
from store.objects.scan import Scanner
from store.objects.sharing import MTIME_NS
from store.objects.staging import (
    Copier,
    Staged,
    finish_directories,
    publish_files,
    rewrite,
)

FEW_FILES = 12
"""Up to so many fresh files are synced one by one; more are cheaper with the whole file system."""


@dataclass
class _Output:
    """A tree in its staging folder, open as ``folder``, under the name ``x``."""

    scratch: ObjectId | None
    staged: Staged
    staging: str
    references: tuple[ObjectId, ...]
    siblings: tuple[ObjectId, ...]
    fresh: int


def ingest(
    root: str,
    path: str,
    name: str,
    *,
    candidates: Sequence[ObjectId] = (),
    executable: bool | None = None,
    ours: bool = False,
) -> Manifest:
    """Take the file, link or tree at ``path`` into the store at ``root`` as an object ``name``.

    ``candidates`` are the objects that it may refer to; ``executable`` overrides a file's own bit;
    ``ours`` allows to change modes that forbid reading. The object is on disk and in place when
    this returns; the index does not know it. Raises OutputRefused, StoreFull or StoreReadOnly.
    """
    layout = Layout(root)
    try:
        output = _stage(layout, path, None, candidates, (), executable, ours)
        return _complete(layout, output, name, {})
    except OSError as error:
        raise storage_error(error, f"cannot take {path} into the store") from error


def ingest_outputs(
    root: str, outputs: Mapping[ObjectId, str], *, candidates: Sequence[ObjectId] = ()
) -> dict[ObjectId, Manifest]:
    """Take a build's outputs in: scratch identities with their physical paths.

    Outputs may refer to each other, but not in a cycle (OutputRefused). Returns each scratch
    identity's manifest; in it, scratch digests are replaced by final ones.
    """
    layout = Layout(root)
    try:
        staged = {
            scratch: _stage(layout, path, scratch, candidates, tuple(outputs), None, True)
            for scratch, path in outputs.items()
        }
        graph = {scratch: set(output.siblings) for scratch, output in staged.items()}
        final: dict[ObjectId, Manifest] = {}
        for scratch in _order(graph):
            final[scratch] = _complete(layout, staged[scratch], scratch.name, final)
        return final
    except OSError as error:
        raise storage_error(error, "cannot take the outputs into the store") from error


def _order(graph: Mapping[ObjectId, Iterable[ObjectId]]) -> list[ObjectId]:
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        names = " -> ".join(oid.name for oid in error.args[1])
        raise OutputRefused(f"outputs refer to each other in a cycle: {names}") from None


def _stage(
    layout: Layout,
    path: str,
    scratch: ObjectId | None,
    candidates: Sequence[ObjectId],
    siblings: Sequence[ObjectId],
    executable: bool | None,
    ours: bool,
) -> _Output:
    others = {oid.text.encode(): oid for oid in candidates}
    beside = {oid.text.encode(): oid for oid in siblings if oid != scratch}
    texts = [text.decode() for text in (*others, *beside)]
    scanner = Scanner([*texts, *([scratch.text] if scratch else [])])
    copier = Copier(layout.links, scanner, scratch, ours=ours)
    staging = tempfile.mkdtemp(prefix=f"object-{os.getpid()}-", dir=layout.tmp)
    head, tail = os.path.split(path.rstrip("/"))
    source = os.open(head or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    target = os.open(staging, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        shown = os.fsencode(scratch.path if scratch else path)
        # The name in the store is not the source's: the copy is made under it, then renamed.
        staged = copier.copy(os.fsencode(tail), source, target, shown, executable)
        os.rename(os.fsencode(tail), b"x", src_dir_fd=target, dst_dir_fd=target)
    except BaseException:
        _discard(staging)
        raise
    finally:
        os.close(source)
        os.close(target)
    references = tuple(sorted(others[text] for text in copier.seen if text in others))
    named = tuple(beside[text] for text in copier.seen if text in beside)
    return _Output(scratch, staged, staging, references, named, copier.fresh_files)


def _complete(
    layout: Layout, output: _Output, name: str, final: Mapping[ObjectId, Manifest]
) -> Manifest:
    if output.siblings:
        output = _renamed_siblings(layout, output, final)
    staged = output.staged
    staged.seal()
    itself = any(entry.offsets for _, entry in staged.files())
    oid = identity.object_id(name, staged.blanked.digest(), output.references, itself)
    folder = os.open(output.staging, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if itself:
            rewrite(staged, b"x", folder, oid)
            staged.seal()
        finish_directories(staged, b"x", folder)
        manifest = Manifest(oid, output.references, itself, staged.node, staged.directories())
        _sync(output, folder)
        publish_files(staged, layout.links, b"x", folder)
    finally:
        os.close(folder)
    _place(layout, output, manifest)
    return manifest


def _renamed_siblings(
    layout: Layout, output: _Output, final: Mapping[ObjectId, Manifest]
) -> _Output:
    """Copy again with the final digests of the other outputs in place of their scratch digests."""
    tree = f"{output.staging}/x"
    for scratch in output.siblings:
        _replace_text(tree, scratch.text.encode(), final[scratch].id.text.encode())
    known = tuple(final[scratch].id for scratch in output.siblings)
    again = _stage(
        layout,
        tree,
        output.scratch,
        (*output.references, *known),
        (),
        None,
        True,
    )
    _discard(output.staging)
    return again


def _replace_text(top: str, old: bytes, new: bytes) -> None:
    for folder, folders, files in os.walk(os.fsencode(top)) if os.path.isdir(top) else ():
        for name in (*folders, *files):
            _replace_one(os.path.join(folder, name), old, new)
    if not os.path.isdir(top) or os.path.islink(top):
        _replace_one(os.fsencode(top), old, new)


def _replace_one(path: bytes, old: bytes, new: bytes) -> None:
    if os.path.islink(path):
        target = os.readlink(path)
        if old in target:
            os.unlink(path)
            os.symlink(target.replace(old, new), path)
    elif os.path.isfile(path):
        with open(path, "rb") as stream:
            data = stream.read()
        if old in data:
            mode = os.stat(path).st_mode & 0o7777
            # A fresh inode: this one may be shared with other objects already.
            os.unlink(path)
            with open(path, "wb") as stream:
                stream.write(data.replace(old, new))
            os.chmod(path, mode)


def _sync(output: _Output, folder: int) -> None:
    if output.fresh > FEW_FILES or output.staged.node.kind is NodeKind.DIRECTORY:
        kernel.syncfs(folder)
        return
    if output.staged.node.kind is NodeKind.FILE:
        fd = os.open(b"x", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    os.fsync(folder)


def _place(layout: Layout, output: _Output, manifest: Manifest) -> None:
    target = layout.object(manifest.id)
    record = f"{layout.manifests}/{manifest.id}"
    staged = f"{output.staging}/x"
    if os.path.lexists(target) and check_tree(target, manifest):
        # Not what its name says: left by a cut before it was whole, or damaged since.
        os.rename(target, f"{layout.trash}/{manifest.id}-{os.path.basename(output.staging)}")
    if not os.path.lexists(target):
        os.rename(staged, target)
        if manifest.root.kind is NodeKind.DIRECTORY:
            os.chmod(target, 0o555)
            os.utime(target, ns=(MTIME_NS, MTIME_NS))
    if not os.path.lexists(record):
        fresh = f"{output.staging}/manifest"
        with open(fresh, "xb") as stream:
            stream.write(manifest.encode())
            stream.flush()
            os.fchmod(stream.fileno(), 0o444)
            os.fsync(stream.fileno())
        os.rename(fresh, record)
    for path in (layout.objects, layout.manifests):
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    _discard(output.staging)


def _discard(staging: str) -> None:
    for folder, folders, _ in os.walk(staging):
        for name in folders:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                os.chmod(path, 0o700)
    shutil.rmtree(staging, ignore_errors=True)
