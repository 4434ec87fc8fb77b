"""The quick pass calls sound what the careful one finds nothing in, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from store.layout.paths import Layout
from store.local.store import Store
from store.model.names import ObjectId
from store.model.raw_manifest import RawManifest
from store.objects import attributes
from store.objects.attributes import sound_objects
from store.objects.tree_check import check_identity, check_tree
from tests.unit.verify.test_fast_pass import DAMAGE

SEEN = sorted(DAMAGE.keys() - {"bytes"})
"""The facts of a file that are seen without reading it."""


@pytest.fixture
def oid(store: Store, tmp_path: Path) -> ObjectId:
    for number in (6, 7):
        folder = tmp_path / "tree" / f"{number}" / "below"
        folder.mkdir(parents=True)
        (folder / "file").write_text(f"{number}\n")
        (folder / "run").write_text(f"run {number}\n")
        (folder / "run").chmod(0o755)
        (folder / "link").symlink_to("file")
    return store.objects.add(str(tmp_path / "tree"), "tree")


def sound(layout: Layout, *oids: ObjectId) -> list[bool]:
    portions = sound_objects(layout, list(map(str, oids)))
    return [seen is not None for portion in portions for seen in portion]


def findings(store: Store, oid: ObjectId) -> list[str]:
    """Return what the careful pass finds without reading files."""
    manifest, path = store.objects.manifest(oid), store.layout.object(oid)
    found = check_tree(path, manifest, lambda unread: None) or check_identity(path, manifest)
    return list(map(str, found))


def test_an_object_as_its_manifest_says_is_sound(store: Store, oid: ObjectId) -> None:
    ((seen,),) = sound_objects(store.layout, [str(oid)])
    assert seen is not None
    assert seen.outline.id == oid
    assert seen.stored == int(os.stat(store.layout.manifest(oid)).st_mtime)
    assert findings(store, oid) == []


@pytest.mark.parametrize("kind", SEEN)
def test_damage_of_each_kind_is_seen(store: Store, oid: ObjectId, kind: str) -> None:
    where, work = DAMAGE[kind]
    work(Path(store.layout.object(oid), where))
    assert sound(store.layout, oid) == [False]
    assert findings(store, oid)


def add(store: Store, folder: Path, name: str, text: str) -> ObjectId:
    (folder / name).write_text(text)
    return store.objects.add(str(folder / name), name)


def replace(path: str, data: bytes) -> None:
    os.chmod(path, 0o644)
    Path(path).write_bytes(data)
    os.chmod(path, 0o444)


def relink(path: str, target: str) -> None:
    os.unlink(path)
    os.symlink(target, path)


MANIFESTS: dict[str, Callable[[str, str], object]] = {
    "of another": lambda path, other: replace(path, Path(other).read_bytes()),
    "cut short": lambda path, other: replace(path, Path(path).read_bytes()[:-1]),
    "not there": lambda path, other: os.unlink(path),
    "a link": relink,
    "writable": lambda path, other: os.chmod(path, 0o644),
    "of another size": lambda path, other: replace(
        path, Path(path).read_bytes().replace(b"\x01\xc2\x02", b"\x01\xc2\x03")
    ),
}


@pytest.mark.parametrize("kind", MANIFESTS)
def test_a_wrong_manifest_costs_its_object_and_no_other(
    store: Store, tmp_path: Path, kind: str
) -> None:
    oids = [add(store, tmp_path, f"f{number}", f"{number}\n") for number in range(5)]
    assert sound(store.layout, *oids) == [True] * 5
    MANIFESTS[kind](store.layout.manifest(oids[2]), store.layout.manifest(oids[4]))
    assert sound(store.layout, *oids) == [True, True, False, True, True]


def test_objects_are_taken_apart_in_portions(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oids = [add(store, tmp_path, f"f{number}", f"{number}\n") for number in range(7)]
    monkeypatch.setattr(attributes, "TOGETHER", 3)
    assert sound(store.layout, *oids) == [True] * 7
    monkeypatch.setattr(attributes, "TOGETHER_BYTES", 1)
    os.unlink(store.layout.object(oids[3]))
    assert sound(store.layout, *oids) == [True] * 3 + [False] + [True] * 3


def test_an_entry_of_wrong_types_is_not_sound(
    store: Store, oid: ObjectId, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As one could be made whose digests are right.
    monkeypatch.setattr(attributes, "are_named_right", lambda found: [True] * len(found))
    folders = RawManifest.folders
    assert sound(store.layout, oid) == [True]

    def changed(self: RawManifest, path: bytes) -> object:
        for folder, entries in folders(self, path):
            yield folder, [[name, kind, int(x), *more] for name, kind, x, *more in entries]

    monkeypatch.setattr(RawManifest, "folders", changed)
    assert sound(store.layout, oid) == [False]
