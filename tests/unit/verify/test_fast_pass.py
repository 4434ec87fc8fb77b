"""The fast pass calls sound what the careful one finds nothing in, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from store.local.store import Store
from store.model.names import ObjectId
from store.system import parallel
from store.verify import fast_pass, object_check
from store.verify.fast_pass import glance
from store.verify.hashing import CHUNK, Digest
from store.verify.object_check import inspect, look

FOLDERS = 12


@pytest.fixture
def oid(store: Store, tmp_path: Path) -> ObjectId:
    """An object with files of each sort in each of its folders, all with other bytes."""
    for number in range(FOLDERS):
        folder = tmp_path / "tree" / f"{number}" / "below"
        folder.mkdir(parents=True)
        (folder / "file").write_text(f"{number}\n")
        (folder / "run").write_text(f"run {number}\n")
        (folder / "run").chmod(0o755)
        (folder / "link").symlink_to("file")
    (tmp_path / "tree" / "large").write_bytes(b"-" * (CHUNK + 1))
    return store.objects.add(str(tmp_path / "tree"), "tree")


@pytest.fixture(params=[1, 3])
def processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many processes share an object; with several, all objects are broad."""
    count: int = request.param
    monkeypatch.setattr(parallel, "worker_count", lambda: count)
    monkeypatch.setattr(fast_pass, "BROAD", 0)
    monkeypatch.setattr(fast_pass, "FEW_FOLDERS", 1)
    return count


def rewrite(path: Path, text: str) -> None:
    mode = path.stat().st_mode
    path.chmod(0o644)
    path.write_text(text)
    path.chmod(mode)
    os.utime(path, ns=(10**9, 10**9))


def within(path: Path, work: Callable[[Path], object]) -> None:
    """Change a folder, and leave its mode and time as they were."""
    path.parent.chmod(0o755)
    work(path)
    path.parent.chmod(0o555)
    os.utime(path.parent, ns=(10**9, 10**9))


def relink(path: Path) -> None:
    path.unlink()
    path.symlink_to("run")


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir(0o555)


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "bytes": ("7/below/file", lambda path: rewrite(path, "8\n")),
    "size": ("7/below/file", lambda path: rewrite(path, "77\n")),
    "mode": ("7/below/run", lambda path: path.chmod(0o444)),
    "time": ("7/below/run", lambda path: os.utime(path, ns=(5, 5))),
    "folder's mode": ("7/below", lambda path: path.chmod(0o755)),
    "folder's time": ("7/below", lambda path: os.utime(path, ns=(5, 5))),
    "gone": ("7/below/file", lambda path: within(path, Path.unlink)),
    "more": ("7/below/more", lambda path: within(path, Path.touch)),
    "target": ("7/below/link", lambda path: within(path, relink)),
    "kind": ("7/below/file", lambda path: within(path, become_folder)),
}


def test_a_sound_object_is_glanced_at_and_its_large_file_left(
    store: Store, oid: ObjectId, processes: int
) -> None:
    known: dict[int, Digest] = {}
    (seen,) = glance(store.layout, [oid], known)
    assert seen is not None
    assert [file.size for file in seen.left] == [CHUNK + 1]
    assert known == {}


def test_what_a_file_with_several_names_holds_is_kept(
    store: Store, oid: ObjectId, processes: int, tmp_path: Path
) -> None:
    for number, path in enumerate(Path(store.layout.object(oid)).rglob("*")):
        if path.is_file() and not path.is_symlink():
            os.link(path, tmp_path / f"{number}")
    known: dict[int, Digest] = {}
    assert glance(store.layout, [oid], known) != [None]
    assert len(known) == 2 * FOLDERS


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_of_each_kind_is_seen_and_then_named(
    store: Store, oid: ObjectId, processes: int, kind: str
) -> None:
    where, work = DAMAGE[kind]
    path = Path(store.layout.object(oid), where)
    work(path)
    assert glance(store.layout, [oid], {}) == [None]
    (item,) = inspect(store.layout, [oid], {})
    assert {finding.path for finding in item.findings} == {str(path)}


def test_a_damaged_large_file_is_named_once(store: Store, oid: ObjectId, processes: int) -> None:
    path = Path(store.layout.object(oid), "large")
    rewrite(path, "+" * (CHUNK + 1))
    (item,) = inspect(store.layout, [oid], {})
    assert [str(finding) for finding in item.findings] == [f"content: {path} (its digest differs)"]


def test_a_manifest_of_another_object_is_not_sound(
    store: Store, oid: ObjectId, processes: int, tmp_path: Path
) -> None:
    (tmp_path / "f").write_text("f")
    other = store.objects.add(str(tmp_path / "f"), "f")
    path = store.layout.manifest(oid)
    os.chmod(path, 0o644)
    Path(path).write_bytes(Path(store.layout.manifest(other)).read_bytes())
    seen = glance(store.layout, [oid, other], {})
    assert seen[0] is None
    assert seen[1] is not None


def test_damage_in_a_shared_inode_is_seen_in_every_object_that_has_it(
    store: Store, oid: ObjectId, processes: int, tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "file").write_text("7\n")
    other = store.objects.add(str(tmp_path / "one"), "one")
    path = Path(store.layout.object(oid), "7/below/file")
    assert path.samefile(Path(store.layout.object(other), "file"))
    rewrite(path, "8\n")
    assert glance(store.layout, [oid, other], {}) == [None, None]
    named = [item.findings[0].path for item in inspect(store.layout, [oid, other], {})]
    assert named == [str(path), f"{store.layout.object(other)}/file"]


def test_sound_objects_are_not_looked_at_twice(
    store: Store, oid: ObjectId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_check, "look_at", pytest.fail)
    (item,) = look(store.layout, [oid], {})
    assert item.sound
