"""What lies in the store directory: the objects that are whole, and what is wrong with the rest."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from store.errors import FormatError, InvalidName, StoreError
from store.index.schema import Entry
from store.layout.paths import Layout
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects.check import check_identity, check_tree
from store.objects.content import read_record
from store.objects.placing import BESIDE
from store.recovery.whole import Seen, Whole
from store.system.clock import unix_seconds
from store.system.parallel import map_each

MANY = 20_000
"""Objects that are looked at before what was seen of them is put into columns."""

FEW = 64
"""Objects that one process looks at in the time that forking another takes."""


@dataclass(frozen=True)
class Damage:
    """``name`` is that of an entry in the store directory; ``why`` it cannot be registered."""

    name: str
    why: str


@dataclass(frozen=True)
class Survey:
    """``sound`` objects are in an order in which each comes after what it refers to; to damaged,
    missing and incomplete objects, none of them refers. The others are sorted by name; ``foreign``
    names are those of no object, and nobody's loss.
    """

    sound: Sequence[Entry]
    damaged: Sequence[Damage]
    incomplete: Sequence[Damage]
    foreign: Sequence[str] = ()


def survey(
    layout: Layout,
    *,
    contents: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Survey:
    """Look at every object on disk. With ``contents``, every file's bytes are read; otherwise its
    size, mode and mtime have to do. Raises StorageError when a folder cannot be read."""
    # What a killed swap left is for the collector.
    there = sorted(name for name in os.listdir(layout.objects) if not name.startswith(BESIDE))
    names = [name for name in there if _is_name(name)]
    foreign = sorted(set(there).difference(names))
    work = partial(_look_at_all, layout, contents=contents)
    whole, damaged = Whole(names), []
    for start in range(0, len(names), MANY):
        progress(start, len(names))
        portion = names[start : start + MANY]
        for name, seen in zip(portion, map_each(work, portion, FEW), strict=True):
            if isinstance(seen, str):
                damaged.append(Damage(name, seen))
            whole.add(None if isinstance(seen, str) else seen)
    whole.put_in_order()
    incomplete = [
        Damage(name, f"needs {lacking}, which is not whole")
        for name, lacking in sorted(whole.lacking.items())
    ]
    return Survey(whole, damaged, incomplete, foreign)


def _is_name(name: str) -> bool:
    try:
        ObjectId.parse(name)
    except (FormatError, InvalidName):
        return False
    return True


def _look_at_all(layout: Layout, names: Sequence[str], *, contents: bool) -> list[Seen | str]:
    return [_look_at(layout, name, contents) for name in names]


def _look_at(layout: Layout, name: str, contents: bool) -> Seen | str:
    """The object as it was found, or what is wrong with it."""
    oid = ObjectId.parse(name)
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
    references = tuple(map(str, manifest.references))
    return Seen(
        references,
        manifest.refers_to_itself,
        manifest.size,
        min(max(0, int(seen.st_mtime)), unix_seconds()),
    )
