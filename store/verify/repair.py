"""Mending damaged objects: from their own trees or a substituter's; else into the quarantine."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from store.errors import StoreError, storage_error
from store.index.schema import Entry
from store.layout import Layout
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.tree import NodeKind
from store.objects.content import file_digest
from store.objects.ingest import ingest_again
from store.objects.placing import exclusive
from store.objects.sharing import link_path
from store.remote.importing import take
from store.remote.substituter import Substituter
from store.store import Store
from store.verify.objects import examine, read_manifest


@dataclass(frozen=True)
class Mended:
    """``how`` is the substituter's name, ``itself``, or None when nothing could; ``quarantined`` is
    where the damaged tree lies then, if there was one."""

    object: ObjectId
    how: str | None
    quarantined: str | None = None


def repair(store: Store, oid: ObjectId, sources: Sequence[Substituter]) -> Mended:
    """Replace a damaged object by the very same one, or move what is left of it to quarantine.

    The index goes on naming it: who needs it is told that it is missing, and builds it anew.
    """
    store.check_writable()
    with store.claims() as claims:
        with contextlib.suppress(StoreError):
            references = store.references(oid)
            ingest_again(
                store.layout.root, store.layout.object(oid), oid, references, claims=claims
            )
            if _sound(store, oid):
                return Mended(oid, "itself")
        for source in sources:
            with contextlib.suppress(StoreError):
                set_aside_shared(store.layout, source.manifest(oid))
                manifest = take(store.layout.root, source, oid, claims)
                _correct(store, manifest)
                if _sound(store, oid):
                    return Mended(oid, source.name)
    return Mended(oid, None, _quarantine(store.layout, oid))


def _sound(store: Store, oid: ObjectId) -> bool:
    """Whether the object, read anew, and the index agree; the index is corrected where not."""
    manifest = read_manifest(store.layout, oid)
    if isinstance(manifest, str):
        return False
    _correct(store, manifest)
    return not examine(store.layout, [oid], {})[0].findings


def _correct(store: Store, m: Manifest) -> None:
    entry = Entry(m.id, m.references, m.refers_to_itself, m.size)
    store.index.write(lambda txn: txn.correct(entry))


def set_aside_shared(layout: Layout, manifest: Manifest) -> list[str]:
    """Move shared inodes that the object would get, and that are damaged, to the quarantine."""
    moved = []
    for path, expected in _shared(layout, manifest):
        try:
            if file_digest(path) == expected:
                continue
        except FileNotFoundError:
            continue
        except OSError:
            pass  # unreadable is damaged
        moved.append(_move(layout, path, os.path.basename(path), "a shared file, damaged"))
    return moved


def _shared(layout: Layout, manifest: Manifest) -> Iterator[tuple[str, bytes]]:
    nodes = {manifest.root}
    for directory in manifest.directories.values():
        nodes.update(node for _, node in directory.entries)
    for node in nodes:
        if node.kind is NodeKind.FILE:
            yield link_path(layout.links, node.payload, node.executable), node.payload


def _quarantine(layout: Layout, oid: ObjectId) -> str | None:
    path = layout.object(oid)
    with exclusive(layout):
        if not os.path.lexists(path):
            return None
        return _move(layout, path, str(oid), "an object that could not be repaired")


def _move(layout: Layout, path: str, name: str, why: str) -> str:
    """Move something to a folder of its own in the quarantine, with a note of what it is."""
    try:
        os.makedirs(layout.quarantine, 0o755, exist_ok=True)
        folder = tempfile.mkdtemp(prefix=f"{name}-", dir=layout.quarantine)
        with open(f"{folder}/note", "x", encoding="utf-8") as note:
            note.write(f"{path}: {why}\n")
            note.flush()
            os.fsync(note.fileno())
        if os.path.isdir(path) and not os.path.islink(path):
            # Moving a directory writes its "..".
            os.chmod(path, 0o755)
        os.rename(path, f"{folder}/{name}")
        for changed in (folder, layout.quarantine, os.path.dirname(path)):
            _sync(changed)
    except OSError as error:
        raise storage_error(error, f"cannot move {path} to the quarantine") from error
    return folder


def _sync(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
