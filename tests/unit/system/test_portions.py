"""The files and folders of a tree: each once, whatever the modes, and no folder of another disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.system import kernel
from store.system.beneath import FOLDER
from store.system.portions import (
    Portion,
    TreeParts,
    parts_of,
    remove_folders,
    remove_portions,
)
from store.system.removing import remove_tree


def parts(top: Path) -> TreeParts:
    fd = os.open(top, FOLDER)
    try:
        return parts_of(fd)
    finally:
        os.close(fd)


def portions(top: Path) -> list[Portion]:
    return parts(top).portions


def paths(found: list[Portion]) -> list[str]:
    """The paths of all files of portions, sorted."""
    return sorted(
        os.path.normpath(f"{os.fsdecode(path)}/{os.fsdecode(name)}")
        for path, names in found
        for name in names
    )


def test_each_file_is_in_one_portion_and_no_portion_is_large(tmp_path: Path) -> None:
    (tmp_path / "below/deeper").mkdir(parents=True)
    names = [f"below/{number:04}" for number in range(300)]
    names += ["below/deeper/file", "link", "top"]
    for name in names:
        (tmp_path / name).symlink_to("below")  # a link to a folder is no folder
    found = portions(tmp_path)
    assert paths(found) == sorted(names)
    assert max(len(each) for _, each in found) < 100


def test_folders_can_be_written_to_afterwards(tmp_path: Path) -> None:
    (tmp_path / "closed/shut").mkdir(parents=True)
    (tmp_path / "closed/shut/file").touch()
    for name in ("closed/shut", "closed"):
        (tmp_path / name).chmod(0o500)
    found = portions(tmp_path)
    assert paths(found) == ["closed/shut/file"]
    assert (tmp_path / "closed/shut").stat().st_mode & 0o777 == 0o700


def test_the_rest_is_left_to_the_walk_where_paths_are_too_long(tmp_path: Path) -> None:
    place = os.open(tmp_path, FOLDER)
    for _ in range(12):  # 12 * 251 bytes
        os.mkdir("n" * 250, dir_fd=place)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=place))
        below = os.open("n" * 250, FOLDER, dir_fd=place)
        os.close(place)
        place = below
    os.close(place)
    found = paths(portions(tmp_path))
    assert 4 < len(found) < 12
    remove_tree(str(tmp_path)).refuse()
    assert not tmp_path.exists()


def test_files_that_changed_meanwhile_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    for name in ("one/a", "one/b", "two/c"):
        (tmp_path / name).write_bytes(b"x" * 5000)
    found = portions(tmp_path)
    (tmp_path / "one/a").unlink()
    (tmp_path / "two").rename(tmp_path / "three")
    top = os.open(tmp_path, FOLDER)
    removal = remove_portions(top, found)
    os.close(top)
    assert removal.files == 1
    assert removal.freed >= 5000
    assert (tmp_path / "three/c").exists()
    assert not (tmp_path / "one/b").exists()


def test_empty_folders_go_the_deepest_first_and_others_stay(tmp_path: Path) -> None:
    places = ["a/b/c", "a/d", *(f"e/{number}/f" for number in range(40)), "full/g"]
    for place in places:
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "full/file").touch()
    folders = parts(tmp_path).folders
    found = [os.path.normpath(os.fsdecode(folder.path)) for folder in folders]
    assert sorted(found) == sorted(
        str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_dir()
    )
    folders = [folder._replace(blocks=8) for folder in folders]  # some file systems give none
    top = os.open(tmp_path, FOLDER)
    removal = remove_folders(top, folders)
    os.close(top)
    assert removal.freed == (len(folders) - 1) * 8 * 512
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == [
        "full",
        "full/file",
    ]


def test_a_folder_is_not_reached_through_a_link(tmp_path: Path) -> None:
    place, outside = tmp_path / "place", tmp_path / "outside"
    (place / "a/b").mkdir(parents=True)
    (outside / "b").mkdir(parents=True)
    folders = parts(place).folders
    (place / "a").rename(tmp_path / "former")
    (place / "a").symlink_to(outside)
    top = os.open(place, FOLDER)
    assert remove_folders(top, folders).freed == 0
    os.close(top)
    assert (outside / "b").is_dir()


@pytest.mark.root(reason="mounts, which only root can")
def test_another_file_system_is_not_entered(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (tmp_path / "file").touch()
    kernel.mount("tmpfs", str(place), "tmpfs", 0, "size=1m")
    try:
        (place / "other").touch()
        found = parts(tmp_path)
        assert paths(found.portions) == ["file"]
        assert not found.folders
    finally:
        kernel.umount(str(place))
