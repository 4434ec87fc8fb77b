"""Where the links lead that stand for roots, however they lead there."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from store.gc.collector import Collector
from store.gc.policy import Policy
from store.gc.settings import parse
from store.system import kernel
from tests.unit.gc.conftest import Stock


@contextlib.contextmanager
def a_disk(place: Path) -> Iterator[None]:
    """Another file system in a place, which only root can mount."""
    try:
        kernel.mount("tmpfs", str(place), "tmpfs", 0, "size=1m")
    except OSError as error:
        pytest.skip(f"cannot mount a file system: {error}")
    try:
        yield
    finally:
        kernel.umount(str(place))


@pytest.fixture
def kept(stock: Stock) -> Path:
    """An object that a link, which is returned, stands for."""
    tree = stock.place / "tree"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "tool").write_text("tool")
    stock.oids["tree"] = stock.store.objects.add(str(tree), "tree")
    link = stock.place / "link"
    stock.store.roots.link(str(link), stock.oids["tree"])
    link.unlink()
    return link


def collect(stock: Stock) -> set[str]:
    Collector(stock.store).collect(Policy())
    return stock.there()


@pytest.mark.parametrize("way", ["logical", "physical", "inside", "relative", "chain", "far chain"])
def test_a_link_keeps_what_it_leads_to_or_into_by_whatever_way(
    stock: Stock, kept: Path, way: str
) -> None:
    oid = stock.oids["tree"]
    physical = stock.store.layout.object(oid)
    moved = stock.place / "moved"
    match way:
        case "logical":
            kept.symlink_to(oid.path)
        case "physical":
            kept.symlink_to(physical)
        case "inside":
            kept.symlink_to(f"{physical}/bin/tool")
        case "relative":
            kept.symlink_to(os.path.relpath(physical, kept.parent))
        case "chain":
            moved.symlink_to(physical)
            kept.symlink_to("moved")
        case "far chain":
            moved.symlink_to(oid.path)
            (stock.place / "second").symlink_to(moved)
            kept.symlink_to("second/bin")
    assert collect(stock) == {"tree"}
    assert [root.holds for root in stock.store.roots.all()] == [oid]


@pytest.mark.parametrize("way", ["gone", "file", "loop", "broken chain", "elsewhere", "the store"])
def test_a_link_that_leads_nowhere_or_elsewhere_keeps_nothing(
    stock: Stock, kept: Path, way: str
) -> None:
    match way:
        case "file":
            kept.write_text(stock.oids["tree"].path)
        case "loop":
            kept.symlink_to("link")
        case "broken chain":
            kept.symlink_to("moved")
        case "elsewhere":
            kept.symlink_to(stock.place)
        case "the store":
            kept.symlink_to(stock.store.layout.objects)
    assert collect(stock) == set()
    assert stock.store.roots.all() == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_link_that_cannot_be_looked_at_keeps_what_it_was_made_for(
    stock: Stock, kept: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    readlink: Callable[..., Any] = os.readlink

    def refused(path: str | bytes, *, dir_fd: int | None = None) -> Any:
        if os.fsdecode(path) == str(kept):
            raise OSError(number, os.strerror(number))
        return readlink(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "readlink", refused)
    assert collect(stock) == {"tree"}
    assert len(stock.store.roots.all()) == 1


def out_of_sight(stock: Stock, link: Path, way: str) -> Callable[[], None]:
    """Take the folder of a link, or where it leads, out of sight; returns what brings it back."""
    folder, away = link.parent, link.parent.with_name("away")
    folder.rename(away)
    match way:
        case "empty mount point":
            folder.mkdir()
        case "another folder":
            folder.mkdir()
            (folder / "other").touch()
        case "a file":
            folder.touch()

    def back() -> None:
        if folder.is_dir():
            for each in folder.iterdir():
                each.unlink()
            folder.rmdir()
        elif folder.exists():
            folder.unlink()
        away.rename(folder)

    return back


@pytest.mark.parametrize("way", ["missing", "empty mount point", "another folder", "a file"])
@pytest.mark.parametrize("far", [False, True], ids=["link", "chain"])
def test_a_link_out_of_sight_keeps_its_object_for_a_time(
    stock: Stock, kept: Path, monkeypatch: pytest.MonkeyPatch, way: str, far: bool
) -> None:
    disk = stock.place / "disk"
    disk.mkdir()
    link = disk / "link"
    oid = stock.oids["tree"]
    stock.store.roots.remove(str(kept))
    stock.store.roots.link(str(link), oid)
    if far:
        if way == "another folder":
            pytest.skip("of a link in a chain, nobody knows the folder")
        kept.symlink_to(link)
        stock.store.roots.remove(str(link))
        stock.store.roots.link(str(kept), oid)
        kept.unlink()
        kept.symlink_to(link)
    back = out_of_sight(stock, link, way)
    collector = Collector(stock.store)
    plan = collector.collect(Policy())
    assert stock.there() == {"tree"}
    (unseen,) = plan.holders.roots.unseen()
    assert unseen.path == str(kept if far else link)
    now = time.time()
    monkeypatch.setattr("store.local.root_snapshot.time.time", lambda: now + 29 * 86400)
    assert collect(stock) == {"tree"}
    # Seen in between, the time begins anew.
    back()
    assert collect(stock) == {"tree"}
    assert [root.unseen for root in stock.store.roots.all()] == [None]
    out_of_sight(stock, link, way)
    monkeypatch.setattr("store.local.root_snapshot.time.time", lambda: now + 31 * 86400)
    assert collect(stock) == {"tree"}
    monkeypatch.setattr("store.local.root_snapshot.time.time", lambda: now + 62 * 86400)
    assert collect(stock) == set()
    assert stock.store.roots.all() == []


def test_the_time_for_links_out_of_sight_can_be_set(
    stock: Stock, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.symlink_to(stock.place / "unmounted" / "link")
    now = time.time()
    assert collect(stock) == {"tree"}
    monkeypatch.setattr("store.local.root_snapshot.time.time", lambda: now + 7200)
    assert collect(stock) == {"tree"}
    Collector(stock.store).collect(parse(b'[collect]\nkeep-unseen-roots = "1h"\n').policy())
    assert stock.there() == set()


def test_a_link_that_is_deleted_where_it_was_made_is_dropped_at_once(
    stock: Stock, kept: Path
) -> None:
    alone = stock.place / "alone"
    alone.mkdir()
    stock.store.roots.link(str(alone / "link"), stock.oids["tree"])
    stock.store.roots.remove(str(kept))
    (alone / "link").unlink()
    assert os.listdir(alone) == []
    assert collect(stock) == set()


def test_a_folder_that_was_restored_is_known_by_its_new_inode(stock: Stock, kept: Path) -> None:
    folder = stock.place / "folder"
    folder.mkdir()
    stock.store.roots.link(str(folder / "link"), stock.oids["tree"])
    stock.store.roots.remove(str(kept))
    shutil.copytree(folder, stock.place / "copy", symlinks=True)
    folder.rename(stock.place / "away")
    (stock.place / "copy").rename(folder)
    assert collect(stock) == {"tree"}
    (folder / "link").unlink()
    (folder / "other").touch()
    assert collect(stock) == set()


def test_another_disk_in_the_same_place_hides_a_link(
    stock: Stock, kept: Path, tmp_path: Path
) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    stock.store.roots.remove(str(kept))
    with a_disk(place):
        stock.store.roots.link(str(place / "link"), stock.oids["tree"])
        with a_disk(place):  # its top has the same inode
            assert collect(stock) == {"tree"}
        assert collect(stock) == {"tree"}
        (place / "link").unlink()
        assert collect(stock) == set()
