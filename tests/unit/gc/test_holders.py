"""Where the links lead that stand for roots, however they lead there."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from store.gc.collector import Collector
from store.gc.policy import Policy
from tests.unit.gc.conftest import Stock


@pytest.fixture
def kept(stock: Stock) -> Path:
    """An object that a link, which is returned, stands for."""
    tree = stock.place / "tree"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "tool").write_text("tool")
    stock.oids["tree"] = stock.store.add(str(tree), "tree")
    link = stock.place / "link"
    stock.store.link_root(str(link), stock.oids["tree"])
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
    assert [root.holds for root in stock.store.roots()] == [oid]


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
    assert stock.store.roots() == []


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
    assert len(stock.store.roots()) == 1
