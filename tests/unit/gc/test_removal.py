"""Removal of the trash, and the space that the disk gets back by it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.gc import removal
from store.gc.removal import DeadRemoval
from store.index.content_table import ContentTable
from store.layout.paths import Layout
from store.local.object_removal import RUN
from store.model.manifest import Manifest
from store.objects.ingest import ingest
from store.system import parallel
from store.system.tree_removal import TreeRemoval

BLOCK = 4096
"""The space of a file of some bytes on the disk, unless its file system says otherwise."""


@pytest.fixture(params=[1, 3])
def processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many take part; with several, every object is shared out, a folder at a time."""
    count: int = request.param
    if count > 1:
        monkeypatch.setattr(parallel, "worker_count", lambda: count)
        monkeypatch.setattr(removal, "BROAD", 0)
        monkeypatch.setattr(removal, "FEW_PORTIONS", 8)
        monkeypatch.setattr(removal, "FEW_OBJECTS", 8)
    return count


def write_tree(path: Path, own: str, folders: int = 20) -> Path:
    """Folders with a file that all such trees have, one of its own, one twice, and a link."""
    for number in range(folders):
        folder = path / f"folder-{number}"
        folder.mkdir(parents=True)
        (folder / "common").write_text(f"common {number}")
        (folder / "own").write_text(f"{own} {number}")
        (folder / "twice").write_text(f"{own} has this in each folder")
        (folder / "run").write_text(f"{own} runs {number}")
        (folder / "run").chmod(0o755)
        (folder / "link").symlink_to("own")
    return path


def take(layout: Layout, path: Path, name: str) -> Manifest:
    return ingest(layout.root, str(path), name, holders=ContentTable(layout.index))


def discard(layout: Layout, *manifests: Manifest) -> str:
    """Move objects where a run of the collector does; returns its folder."""
    run = Path(layout.trash, f"{RUN}test")
    for folder in ("objects", "manifests"):
        (run / folder).mkdir(parents=True, exist_ok=True)
    for manifest in manifests:
        path = Path(layout.object(manifest.id))
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
        path.rename(run / "objects" / str(manifest.id))
        Path(layout.manifest(manifest.id)).rename(run / "manifests" / str(manifest.id))
    return str(run)


def blocks(top: str | Path) -> dict[int, int]:
    """Bytes on the disk of each inode below a folder, but not of folders."""
    found = {}
    for folder, _, names in os.walk(top):
        for name in names:
            state = os.lstat(f"{folder}/{name}")
            found[state.st_ino] = state.st_blocks * 512
    return found


def folders(top: str) -> int:
    """Bytes on the disk of the folders at and below ``top``."""
    return sum(os.lstat(folder).st_blocks * 512 for folder, _, _ in os.walk(top))


def left(run: str) -> list[str]:
    return [*os.listdir(f"{run}/objects"), *os.listdir(f"{run}/manifests")]


@pytest.fixture
def trees(layout: Layout, tmp_path: Path) -> Iterator[tuple[Manifest, Manifest]]:
    yield tuple(  # type: ignore[misc]
        take(layout, write_tree(tmp_path / name, name), name) for name in ("one", "two")
    )


def test_an_object_goes_with_what_only_it_had(
    layout: Layout, trees: tuple[Manifest, Manifest], processes: int
) -> None:
    one, two = trees
    kept = blocks(layout.object(two.id))
    run = discard(layout, one)
    gone = {inode: size for inode, size in blocks(run).items() if inode not in kept}
    expected = sum(gone.values()) + folders(f"{run}/objects/{one.id}")
    taken = DeadRemoval(layout)
    taken.empty_run(run)
    assert left(run) == []
    assert taken.freed == expected
    assert blocks(layout.object(two.id)) == kept


def test_what_two_objects_share_goes_when_both_do(
    layout: Layout, trees: tuple[Manifest, Manifest], processes: int
) -> None:
    run = discard(layout, *trees)
    inodes = blocks(run)
    above = sum(folders(f"{run}/objects/{tree.id}") for tree in trees)
    taken = DeadRemoval(layout)
    taken.empty_run(run)
    assert left(run) == []
    assert taken.freed == sum(inodes.values()) + above


def test_after_a_kill_the_rest_goes(
    layout: Layout, trees: tuple[Manifest, Manifest], processes: int
) -> None:
    run = discard(layout, trees[0])
    tree = Path(run, "objects", str(trees[0].id))
    # As much as a run that was killed may have done: names are gone, and a whole folder.
    for folder in (tree / "folder-3", tree / "folder-5"):
        folder.chmod(0o755)
        (folder / "own").unlink()
    for name in os.listdir(tree / "folder-5"):
        if name != "own":
            (tree / "folder-5" / name).unlink()
    (tree / "folder-5").rmdir()
    DeadRemoval(layout).empty_run(run)
    assert left(run) == []


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_files_links_and_what_nobody_expects_go(
    layout: Layout, tmp_path: Path, trees: tuple[Manifest, Manifest], processes: int
) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    singles = [
        take(layout, write(tmp_path / "file", b"of its own"), "file"),
        take(layout, tmp_path / "link", "link"),
    ]
    run = discard(layout, *trees, *singles)
    strange = Path(run, "objects", str(trees[0].id), "folder-1")
    strange.chmod(0o755)
    (strange / "more").mkdir()
    (strange / "more" / "file").write_text("of nobody")
    (strange / "more").chmod(0o500)
    strange.chmod(0o500)
    DeadRemoval(layout).empty_run(run)
    assert left(run) == []


def test_without_a_manifest_all_goes_just_as_well(
    layout: Layout, trees: tuple[Manifest, Manifest], processes: int
) -> None:
    run = discard(layout, *trees)
    inodes = blocks(f"{run}/objects")
    above = sum(folders(f"{run}/objects/{tree.id}") for tree in trees)
    Path(run, "manifests", str(trees[0].id)).unlink()
    manifest = Path(run, "manifests", str(trees[1].id))
    manifest.chmod(0o644)
    manifest.write_bytes(manifest.read_bytes()[:-9])
    size = manifest.stat().st_blocks * 512
    taken = DeadRemoval(layout)
    taken.empty_run(run)
    assert left(run) == []
    assert taken.freed == sum(inodes.values()) + above + size


def test_who_removes_the_last_two_names_at_once_counts_them_once(tmp_path: Path) -> None:
    """Each process saw the other's name still there, or one of them did not."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 5000)
    (tmp_path / "other").hardlink_to(path)
    two = path.stat()
    (tmp_path / "other").unlink()
    one = path.stat()
    for seen, freed in (([two, two], 1), ([two, one], 1), ([two], 0), ([one], 1)):
        whole = TreeRemoval()
        for found in seen:
            part = TreeRemoval()
            part.unlinked(found)
            whole.add(part)
        whole.settle()
        assert whole.freed == freed * one.st_blocks * 512
