"""A folder as a place: reading, writing, and errors."""

from __future__ import annotations

import io
import os
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
    assert sorted(item.name for item in place.listing()) == ["a/b/c", "d"]


def test_a_file_that_failed_leaves_nothing(tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    place = FolderPlace(str(tmp_path))
    with pytest.raises(CacheUnusable, match="Input/output error"):
        place.put("a/b", Broken())
    assert list(place.listing()) == []


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
    for name in ("fifo", "link"):
        with pytest.raises(CacheUnusable):
            place.get([name], 10)
    assert len(list(place.listing())) == 3


def test_the_last_file_takes_its_folder_along(tmp_path: Path) -> None:
    place = FolderPlace(str(tmp_path))
    place.put("a/b", b"1")
    place.put("a/c", b"1")
    for name in ("a/b", "a/b", "a/c"):
        place.remove(name)
    assert os.listdir(tmp_path) == []
