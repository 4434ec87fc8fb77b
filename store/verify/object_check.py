"""Objects against their manifests and names, in several processes, and file by file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

from store.errors import FormatError, InvalidName
from store.index.object_graph import ObjectFacts
from store.layout.paths import Layout
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects.attributes import sound_objects
from store.objects.content import read_record
from store.objects.placing import MANIFEST
from store.objects.tree_check import Unread, check_identity, check_tree, owner_of
from store.system.parallel import map_chunks, uncollected
from store.verify.fast_pass import Glance, glance
from store.verify.finding import Finding
from store.verify.hashing import Digest, hash_inodes

FEW = 16
"""Objects that one process looks at in the time that forking another takes."""


MANY = 1000
"""Likewise, when only those that are not sound are reported."""


@dataclass
class ObjectLook:
    """One object as it was found. ``facts`` are its references, its reference to itself and its
    size by the manifest, or None without one; ``files`` are those to be read. One that is not
    ``sound`` has findings only when it was looked at file by file."""

    id: ObjectId
    findings: list[Finding] = field(default_factory=list)
    facts: ObjectFacts | None = None
    files: list[Unread] = field(default_factory=list)
    damaged: set[int] = field(default_factory=set)
    """The inodes whose contents or attributes are wrong."""

    @property
    def sound(self) -> bool:
        """True if nothing is wrong, as far as was looked."""
        return self.facts is not None and not self.findings


def look(
    layout: Layout,
    oids: Sequence[ObjectId],
    known: dict[int, Digest] | None,
) -> list[ObjectLook]:
    """Find which objects are sound; with ``known``, read their files, too, and keep digests by
    inode there. Other facts of those that are not are worth a second look."""
    if known is None:
        return _look(layout, oids, contents=False)
    found = [
        ObjectLook(oid) if seen is None else _sound(oid, seen)
        for oid, seen in zip(oids, glance(layout, oids, known), strict=True)
    ]
    _read(found, known)
    return found


def unlike(layout: Layout, told: Sequence[tuple[str, ObjectFacts]]) -> list[str]:
    """Return those of the objects ``<digest>-<name>`` that are not sound, or do not match their
    records; no file is read."""
    parts = map_chunks(partial(_unlike, layout), told, MANY)
    return sorted(name for part in parts for name in part)


def _unlike(layout: Layout, told: Sequence[tuple[str, ObjectFacts]]) -> list[str]:
    with uncollected():
        seen = chain.from_iterable(sound_objects(layout, [name for name, _ in told]))
        return [
            name
            for (name, facts), found in zip(told, seen, strict=True)
            if found is None or found.outline.facts != facts
        ]


def inspect(
    layout: Layout, oids: Sequence[ObjectId], known: dict[int, Digest] | None
) -> list[ObjectLook]:
    """Find all that is wrong with objects, file by file; with ``known``, read those files, too,
    whose digests it has not got."""
    found = _look(layout, oids, contents=known is not None)
    if known is not None:
        _read(found, known)
    return found


def _sound(oid: ObjectId, seen: Glance) -> ObjectLook:
    return ObjectLook(oid, facts=seen.facts, files=seen.left)


def _look(layout: Layout, oids: Sequence[ObjectId], *, contents: bool) -> list[ObjectLook]:
    work = partial(_look_at_all, layout, contents=contents)
    found: list[ObjectLook] = [ObjectLook(oid) for oid in oids]
    parts = map_chunks(work, oids, 1 if contents else FEW)
    for number, part in enumerate(parts):
        found[number :: len(parts)] = part
    return found


def _read(found: Sequence[ObjectLook], known: dict[int, Digest]) -> None:
    hash_inodes((file for item in found for file in item.files), known)
    for item in found:
        _compare(item, known)


def _compare(item: ObjectLook, known: dict[int, Digest]) -> None:
    for file in item.files:
        digest = known[file.inode]
        if digest != file.expected:
            why = f"cannot be read: {digest}" if isinstance(digest, str) else "its digest differs"
            item.findings.append(Finding("content", file.path, why, item.id))
            item.damaged.add(file.inode)


def _look_at_all(layout: Layout, oids: Sequence[ObjectId], *, contents: bool) -> list[ObjectLook]:
    return [look_at(layout, oid, contents=contents) for oid in oids]


def look_at(layout: Layout, oid: ObjectId, *, contents: bool) -> ObjectLook:
    """Compare an object with its manifest, files by size, mode and mtime only."""
    item = ObjectLook(oid)
    path = layout.object(oid)
    manifest = read_manifest(layout, oid)
    if isinstance(manifest, str):
        item.findings.append(Finding("manifest", layout.manifest(oid), manifest, oid))
        return item
    item.findings += _attributes(layout, oid)
    files: list[Unread] = []
    wrong = check_tree(path, manifest, files.append)
    if not wrong and (contents or not manifest.refers_to_itself):
        # Of an object that names itself, identity is in its files.
        wrong = check_identity(path, manifest)
    item.findings += [Finding(x.kind, x.path, x.detail, oid) for x in wrong]
    bad = {x.path for x in wrong}
    item.damaged = {file.inode for file in files if file.path in bad}
    item.facts = manifest.references, manifest.refers_to_itself, manifest.size
    item.files = files if contents else []
    return item


def _attributes(layout: Layout, oid: ObjectId) -> list[Finding]:
    """Yield the faults of a manifest's mode and owner."""
    path = layout.manifest(oid)
    try:
        seen, owner = os.lstat(path), owner_of(layout.objects)
    except OSError:
        return []  # missing since it was read, and so is the object
    found = []
    if seen.st_mode != MANIFEST:
        found.append(Finding("mode", path, f"{seen.st_mode & 0o7777:04o} instead of 0444", oid))
    if owner not in (None, seen.st_uid):
        told = f"belongs to user {seen.st_uid}, not to {owner}"
        found.append(Finding("mode", path, told, oid))
    return found


def read_manifest(layout: Layout, oid: ObjectId) -> Manifest | str:
    """Return an object's manifest, or its fault."""
    try:
        manifest = Manifest.decode(read_record(layout.manifest(oid))[0])
    except FileNotFoundError:
        return "is not there"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except (FormatError, InvalidName) as error:
        return f"is damaged: {error.message}"
    return manifest if manifest.id == oid else f"is that of {manifest.id}"
