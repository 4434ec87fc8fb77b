"""An object that cannot be moved is removed where it is, and nothing that took its place."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from store.local.in_place import InPlace, unlink_in_place
from tests.unit.gc.conftest import Stock, stock

__all__ = ["stock"]


def folder(stock: Stock, name: str) -> str:
    """A folder with a file in it, where objects are."""
    path = f"{stock.store.layout.objects}/{name}"
    os.mkdir(path)
    Path(path, "file").write_text("text")
    return path


def test_a_file_goes_at_once_and_a_folder_when_it_is_removed(stock: Stock) -> None:
    path = folder(stock, "tree")
    file = stock.store.layout.object(stock.make("file"))
    removal = InPlace(stock.store.layout)
    removal.mark(file)
    removal.mark(path)
    assert not os.path.lexists(file)
    assert os.path.isdir(path)
    assert removal.remove() == []
    assert not os.path.lexists(path)


def test_what_is_there_instead_or_gone_is_left_alone(stock: Stock) -> None:
    replaced, gone = folder(stock, "replaced"), folder(stock, "gone")
    removal = InPlace(stock.store.layout)
    removal.mark(replaced)
    removal.mark(gone)
    os.rename(replaced, f"{replaced}.aside")
    os.rename(gone, f"{gone}.aside")
    os.mkdir(replaced)
    assert removal.remove() == []
    assert os.path.isdir(replaced)


def test_what_cannot_be_opened_is_named(stock: Stock) -> None:
    path = folder(stock, "tree")
    removal = InPlace(stock.store.layout)
    removal.mark(path)
    os.rename(path, f"{path}.aside")
    Path(path).write_text("a file by now")
    assert [at for at, _ in removal.remove()] == [path]


def test_what_is_mounted_there_is_refused(stock: Stock) -> None:
    with pytest.raises(OSError, match="another file system"):
        InPlace(stock.store.layout).mark("/proc/self")


def test_a_manifest_that_cannot_be_moved_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = tmp_path / "manifest"
    manifest.write_text("")
    moved = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    broken = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    assert [at for at, _ in unlink_in_place(str(manifest), broken)] == [str(manifest)]
    assert unlink_in_place(str(manifest), moved) == []
    assert unlink_in_place(str(manifest), moved) == [], "gone is gone"

    def refuse(_: str) -> None:
        raise moved

    monkeypatch.setattr(os, "unlink", refuse)
    assert [at for at, _ in unlink_in_place(str(manifest), moved)] == [str(manifest)]
