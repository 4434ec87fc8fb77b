"""The contents of the store directory: the objects that are whole, and the faults of the rest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice, repeat

from store.errors import FormatError, InvalidName, StoreError
from store.layout.paths import Layout
from store.model.manifest import Manifest
from store.model.names import ObjectId, names_of, parse_all
from store.model.raw_manifest import RawManifest
from store.objects.attributes import Sound, sound_objects
from store.objects.content import read_record
from store.objects.contents import Told, outline_contents
from store.objects.placing import BESIDE
from store.objects.tree_check import check_identity, check_tree
from store.recovery.whole import Columns, Whole
from store.system.clock import unix_seconds
from store.system.parallel import map_each, uncollected, worker_count

MANY = 20_000
"""Objects that are looked at before the results are put into columns."""

FEW = 200
"""Objects that one process looks at in the time that forking another takes."""


@dataclass(frozen=True)
class Damage:
    """``name`` is that of an entry in the store directory; ``why`` it cannot be registered."""

    name: str
    why: str


@dataclass(frozen=True)
class DiskSurvey:
    """``sound`` objects are in an order in which each comes after what it refers to; to damaged,
    missing and incomplete objects, none of them refers. The others are sorted by name; ``foreign``
    names are those of no object, and nobody's loss.
    """

    sound: Whole
    damaged: Sequence[Damage]
    incomplete: Sequence[Damage]
    foreign: Sequence[str] = ()


Files = Callable[[list[Told]], object]
"""Called, for objects that agree with their manifests, with their contents and places."""


def survey(
    layout: Layout,
    *,
    contents: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
    files: Files | None = None,
) -> DiskSurvey:
    """Look at every object on disk. With ``contents``, every file's bytes are read; otherwise its
    size, mode and mtime have to do. Raises StorageError when a folder cannot be read."""
    # The leftovers of a killed swap are for the collector.
    there = sorted(name for name in os.listdir(layout.objects) if not name.startswith(BESIDE))
    names, foreign = _sorted_out(there)
    whole, damaged = Whole(names), []
    look = partial(
        _look_at_all,
        layout,
        names,
        dict(zip(names, range(len(names)), strict=True)),
        contents=contents,
        told=files is not None,
    )
    with uncollected():
        for start in range(0, len(names), MANY):
            progress(start, len(names))
            for part in _portions(look, range(start, min(start + MANY, len(names)))):
                whole.extend(part.columns)
                damaged += part.damaged
                if files is not None:
                    files(part.told)
    whole.put_in_order()
    incomplete = [
        Damage(name, f"needs {lacking}, which is not whole")
        for name, lacking in sorted(whole.lacking.items())
    ]
    return DiskSurvey(whole, damaged, incomplete, foreign)


def _sorted_out(there: list[str]) -> tuple[list[str], list[str]]:
    """Return the names that objects have, and the others."""
    try:
        for start in range(0, len(there), MANY):
            parse_all(there[start : start + MANY])
        return there, []
    except (FormatError, InvalidName):
        names = [name for name in there if _is_name(name)]
        return names, sorted(set(there).difference(names))


def _is_name(name: str) -> bool:
    try:
        ObjectId.parse(name)
    except (FormatError, InvalidName):
        return False
    return True


def _portions(look: Callable[[range], _Part], many: range) -> list[_Part]:
    """Return the results for so many names, in order."""
    size = -(-len(many) // max(1, min(worker_count(), len(many) // FEW)))
    portions = [many[at : at + size] for at in range(0, len(many), size)]

    def work(mine: Sequence[range]) -> list[_Part]:
        return list(map(look, mine))

    return map_each(work, portions, 1)


@dataclass
class _Part:
    """One process's results for some names that follow each other."""

    columns: Columns = field(default_factory=Columns)
    damaged: list[Damage] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    def add(
        self,
        names: Sequence[str],
        found: Sequence[Sound | str],
        places: Mapping[str, int],
        *,
        told: bool,
    ) -> None:
        """Add the next objects, as they were found, or their faults."""
        lists = (seen.outline.references for seen in found if not isinstance(seen, str))
        place = map(places.get, names_of(list(chain.from_iterable(lists))), repeat(-1))
        now = unix_seconds()
        for name, seen in zip(names, found, strict=True):
            if isinstance(seen, str):
                self.damaged.append(Damage(name, seen))
                self.columns.add_damaged()
                continue
            below = list(islice(place, len(seen.outline.references)))
            since = min(max(0, seen.stored), now)
            size, itself = seen.outline.size, seen.outline.refers_to_itself
            self.columns.add(itself, size, since, [at for at in below if at >= 0])
            if -1 in below:
                self.columns.lacks(str(seen.outline.references[below.index(-1)]))
        if told:
            self.told += [
                (name, seen.outline.id.digest, outline_contents(seen.outline))
                for name, seen in zip(names, found, strict=True)
                if not isinstance(seen, str)
            ]


def _look_at_all(
    layout: Layout,
    names: Sequence[str],
    places: Mapping[str, int],
    mine: range,
    *,
    contents: bool,
    told: bool,
) -> _Part:
    part, chosen = _Part(), names[mine.start : mine.stop]
    # A quick look first; with contents, all is read file by file.
    one_by_one: Iterator[list[Sound | None]] = ([None] for _ in chosen)
    at = 0
    for quick in one_by_one if contents else sound_objects(layout, chosen):
        mine_now = chosen[at : at + len(quick)]
        at += len(quick)
        found = [
            sound or _look_at(layout, ObjectId.parse(name), contents)
            for name, sound in zip(mine_now, quick, strict=True)
        ]
        part.add(mine_now, found, places, told=told)
    return part


def _look_at(layout: Layout, oid: ObjectId, contents: bool) -> Sound | str:
    """Return the object as it was found, or its fault."""
    try:
        data, seen = read_record(layout.manifest(oid))
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
    return Sound(RawManifest.decode(data), int(seen.st_mtime))
