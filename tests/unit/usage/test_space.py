"""The space that deleting objects one after another frees, as the disk has it."""

from __future__ import annotations

import os

import pytest

from store.system import parallel
from store.usage import space
from store.usage.space import SpaceForecast
from tests.unit.gc.conftest import Stock


def used(stock: Stock, name: str) -> int:
    """Bytes of a file's object and its manifest on the disk."""
    layout, oid = stock.store.layout, stock.oids[name]
    places = (layout.object(oid), f"{layout.manifests}/{oid}")
    return sum(os.lstat(place).st_blocks for place in places) * space.BLOCK


@pytest.mark.parametrize("hands", [1, 2])
def test_files_that_several_share_are_freed_with_the_last(
    hands: int, stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "FEW", 1)
    monkeypatch.setattr(parallel, "worker_count", lambda: hands)
    names = ["one", "two", "three"]
    for name in names:
        stock.make(name, size=9000)
    layout = stock.store.layout
    # The third is the first's file: the same inode, with a name more.
    third = layout.object(stock.oids["three"])
    os.unlink(third)
    os.link(layout.object(stock.oids["one"]), third)
    sizes = [used(stock, name) for name in names]
    content = os.lstat(third).st_blocks * space.BLOCK
    objects = [str(stock.oids[name]) for name in names]
    found = SpaceForecast(stock.store).freed_by(objects)
    assert found == [sizes[0] - content, sizes[1], sizes[2]]
    # Looked at in portions, too: what went before is remembered.
    forecast = SpaceForecast(stock.store)
    assert [size for name in objects for size in forecast.freed_by([name])] == found
    os.unlink(layout.object(stock.oids["two"]))
    os.unlink(f"{layout.manifests}/{stock.oids['two']}")
    assert SpaceForecast(stock.store).freed_by(objects[1:2]) == [0]
