"""What lies in the store directory: the objects that are whole, and what is wrong with the rest."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from store.errors import FormatError, InvalidName, StoreError
from store.index.schema import Entry
from store.layout import Layout
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects.check import check_identity, check_tree
from store.objects.content import read_record
from store.objects.crew import share_out
from store.objects.placing import BESIDE

MANY = 20_000
"""Objects whose entries are handed over at once: both sides hold them a second time meanwhile."""

FEW = 64
"""Objects that one process looks at in the time that forking another takes."""


@dataclass(frozen=True)
class Damage:
    """``name`` is that of an entry in the store directory; ``why`` it cannot be registered."""

    name: str
    why: str


@dataclass
class Survey:
    """``sound`` objects are in an order in which each comes after what it refers to; to damaged,
    missing and incomplete objects, none of them refers.
    """

    sound: list[Entry] = field(default_factory=list)
    damaged: list[Damage] = field(default_factory=list)
    incomplete: list[Damage] = field(default_factory=list)


def survey(layout: Layout, *, contents: bool = False) -> Survey:
    """Look at every object on disk. With ``contents``, every file's bytes are read; otherwise its
    size, mode and mtime have to do. Raises StorageError when a folder cannot be read."""
    # What a killed swap left is for the collector.
    names = sorted(name for name in os.listdir(layout.objects) if not name.startswith(BESIDE))
    work = partial(_look_at_all, layout, contents=contents)
    found = Survey()
    whole: dict[bytes, Entry] = {}
    ids: dict[ObjectId, ObjectId] = {}
    for start in range(0, len(names), MANY):
        for sound, damaged in share_out(work, names[start : start + MANY], FEW):
            for entry in sound:
                whole[entry.id.digest] = _sharing(entry, ids)
            found.damaged += damaged
    found.damaged.sort(key=lambda item: item.name)
    _put_in_order(whole, found)
    return found


def _sharing(entry: Entry, ids: dict[ObjectId, ObjectId]) -> Entry:
    """The same with one value for each identity, which stands in many entries."""
    references = tuple(ids.setdefault(ref, ref) for ref in entry.references)
    return entry._replace(id=ids.setdefault(entry.id, entry.id), references=references)


def _look_at_all(
    layout: Layout, names: Sequence[str], *, contents: bool
) -> tuple[list[Entry], list[Damage]]:
    sound, damaged = [], []
    for name in names:
        seen = _look_at(layout, name, contents)
        if isinstance(seen, Entry):
            sound.append(seen)
        else:
            damaged.append(Damage(name, seen))
    return sound, damaged


def _look_at(layout: Layout, name: str, contents: bool) -> Entry | str:
    """The object as it is to be registered, or what is wrong with it."""
    try:
        oid = ObjectId.parse(name)
    except (FormatError, InvalidName):
        return "not the name of an object"
    try:
        data, since = read_record(layout.manifest(oid))
        manifest = Manifest.decode(data)
    except OSError as error:
        return f"its manifest cannot be read: {error.strerror}"
    except StoreError as error:
        return f"its manifest is damaged: {error.message}"
    if manifest.id != oid:
        return f"its manifest is that of {manifest.id}"
    path = layout.object(oid)
    findings = check_tree(path, manifest, None if contents else lambda unread: None)
    # Of an object that names itself, identity is in its files.
    if not findings and (contents or not manifest.refers_to_itself):
        findings = check_identity(path, manifest)
    if findings:
        more = f", and {len(findings) - 1} more" if len(findings) > 1 else ""
        return f"{findings[0]}{more}"
    return Entry(oid, manifest.references, manifest.refers_to_itself, manifest.size, since)


def _put_in_order(whole: dict[bytes, Entry], found: Survey) -> None:
    """Depth first, with a stack of its own: a chain of references may be long."""
    lacks: dict[bytes, ObjectId | None] = {}
    """What an object lacks, itself or by what it refers to; None when nothing."""
    for start in whole:
        stack, opened = [start], set[bytes]()
        while stack:
            entry = whole[stack[-1]]
            if entry.id.digest not in lacks:
                # Until all below it is settled, it lacks itself: so nothing in a cycle is sound.
                lacks[entry.id.digest] = entry.id
                opened.add(entry.id.digest)
                below = (ref.digest for ref in entry.references)
                stack += [key for key in below if key in whole and key not in lacks]
            else:
                stack.pop()
                if entry.id.digest in opened:
                    opened.remove(entry.id.digest)
                    _settle(entry, whole, lacks, found)


def _settle(
    entry: Entry, whole: dict[bytes, Entry], lacks: dict[bytes, ObjectId | None], found: Survey
) -> None:
    for ref in entry.references:
        lacking = ref if ref.digest not in whole else lacks[ref.digest]
        if lacking is not None:
            lacks[entry.id.digest] = lacking
            found.incomplete.append(Damage(str(entry.id), f"needs {lacking}, which is not whole"))
            return
    lacks[entry.id.digest] = None
    found.sound.append(entry)
