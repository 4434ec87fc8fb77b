"""A folder as a place: reading, writing, and errors."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from store.cache.folder_place import FolderPlace
from store.cache.static_cache import StaticCache
from store.errors import CorruptObject, UnknownObject
from store.job_errors import CacheUnusable


def test_what_was_put_is_there(tmp_path: Path) -> None:
    place = FolderPlace(str(tmp_path / "new"))
    place.put("a/b/c", b"12345")
    place.put("d", io.BytesIO(b"678"))
    place.put("d", b"9")
    assert place.sizes(["a/b/c", "d", "e", "d/e"]) == {"a/b/c": 5, "d": 1}
    assert place.get(["a/b/c", "d", "e"], 3) == {"a/b/c": b"1234", "d": b"9"}
    assert b"".join(place.read("a/b/c", 1, 3)) == b"234"
    place.sync()
    assert sorted(item.name for item in place.listing() if item.regular) == ["a/b/c", "d"]


def test_a_file_that_failed_leaves_nothing(tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    place = FolderPlace(str(tmp_path))
    with pytest.raises(CacheUnusable, match="Input/output error"):
        place.put("a/b", Broken())
    assert [item.name for item in place.listing()] == ["a"]


def test_an_error_names_the_file_and_what_to_do(tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(28, "No space left on device")

    with pytest.raises(CacheUnusable, match=r"No space left on device \(a/b\)") as caught:
        FolderPlace(str(tmp_path)).put("a/b", Full())
    assert "the next push goes on" in (caught.value.hint or "")
    (tmp_path / "file").touch()
    with pytest.raises(CacheUnusable, match="a file in the place of a folder"):
        FolderPlace(str(tmp_path / "file")).put("a", b"1")


@pytest.mark.parametrize("below", ["", "/cache"])
def test_a_file_is_no_cache_that_a_push_could_make(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CacheUnusable, match="a file in the place of a folder") as caught:
        StaticCache(FolderPlace(f"{tmp_path}/file{below}")).check()
    assert "remove the file" in (caught.value.hint or "")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(CacheUnusable, match=r"its link leads to no folder$"):
        FolderPlace(f"{tmp_path}/link").put("a", b"1")
    assert not os.path.lexists(tmp_path / "nowhere")
    (tmp_path / "objects").touch()
    assert FolderPlace(str(tmp_path)).get(["objects/a/b"], 1) == {}


def test_a_short_or_absent_file_is_an_error(tmp_path: Path) -> None:
    place = FolderPlace(str(tmp_path))
    place.put("a", b"12345")
    with pytest.raises(CorruptObject):
        list(place.read("a", 3, 3))
    with pytest.raises(UnknownObject):
        list(place.read("b", 0, 1))


def test_only_files_are_read_and_no_link_is_followed(tmp_path: Path) -> None:
    place = FolderPlace(str(tmp_path))
    place.put("a", b"1")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "folder").symlink_to(".")
    names = {
        "fifo": "a fifo in the place of a file",
        "link": "a link in the place of a file",
        "folder/a": "a link in the place of the folder folder",
        "a/b": "a file in the place of the folder a",
    }
    assert place.get([*names, "a"], 10) == {"a": b"1"}
    assert place.sizes([*names, "a"]) == {"a": 1}
    for name, other in names.items():
        assert place.obstacle(name) == other
        with pytest.raises(CorruptObject, match=f"{name} is damaged: there is {other}"):
            list(place.read(name, 0, 1))
    assert place.obstacle("a") == place.obstacle("absent/a") == ""
    assert len(list(place.listing())) == 4


def test_a_file_is_put_through_no_link(tmp_path: Path) -> None:
    place = FolderPlace(str(tmp_path / "cache"))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_bytes(b"mine")
    place.put("b", b"1")
    (tmp_path / "cache" / "a").symlink_to("../outside/a")
    (tmp_path / "cache" / "folder").symlink_to("../outside")
    place.put("a", b"2")
    assert (tmp_path / "cache" / "a").read_bytes() == b"2"
    for name in ("folder/a", "folder/b/c"):
        with pytest.raises(CacheUnusable, match="a link in the place of the folder folder") as said:
            place.put(name, b"3")
        assert name in said.value.message
        assert said.value.hint == "remove it, and push again"
    assert [(each.name, each.read_bytes()) for each in outside.iterdir()] == [("a", b"mine")]


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("x", path)])
def test_a_push_replaces_all_but_a_folder(tmp_path: Path, make: Callable[[Path], None]) -> None:
    place = FolderPlace(str(tmp_path))
    make(tmp_path / "a")
    if (tmp_path / "a").is_dir():
        with pytest.raises(CacheUnusable, match=r"a folder in the place of a file \(a\)") as said:
            place.put("a", b"1")
        assert said.value.hint == "remove it, and push again"
        assert os.listdir(tmp_path) == ["a"]
    else:
        place.put("a", b"1")
        assert place.get(["a"], 1) == {"a": b"1"}


def test_nothing_is_removed_through_a_link(tmp_path: Path) -> None:
    place = FolderPlace(str(tmp_path / "cache"))
    place.put("folder/a", b"1")
    place.put("folder/.new-1-00000000", b"1")
    old, unfinished = sorted((each for each in place.listing() if each.regular), reverse=True)
    (tmp_path / "cache" / "folder").rename(tmp_path / "outside")
    (tmp_path / "cache" / "folder").symlink_to("../outside")
    before = os.stat(tmp_path / "outside" / "a").st_mtime
    for change in (
        lambda: place.remove(old.name),
        lambda: place.remove_unless_newer(old),
        lambda: place.remove_unfinished(unfinished),
        lambda: place.refresh([old.name]),
    ):
        with pytest.raises(CacheUnusable, match="a link in the place of the folder folder"):
            change()
    assert sorted(os.listdir(tmp_path / "outside")) == [".new-1-00000000", "a"]
    assert os.stat(tmp_path / "outside" / "a").st_mtime == before


def test_the_last_file_takes_its_folder_along(tmp_path: Path) -> None:
    place = FolderPlace(str(tmp_path))
    place.put("a/b", b"1")
    place.put("a/c", b"1")
    for name in ("a/b", "a/b", "a/c"):
        place.remove(name)
    assert os.listdir(tmp_path) == []
