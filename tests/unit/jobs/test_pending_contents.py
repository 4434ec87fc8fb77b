"""Contents that a worker reports are noted in the end, and soon where there are many."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.index.content_table import ContentTable
from store.jobs import pending_contents
from store.jobs.pending_contents import PendingContents


def name(number: int) -> str:
    return f"{number:032d}-n"


def tell(holders: PendingContents, number: int, pairs: int = 1) -> None:
    contents = [(bytes([number]) + at.to_bytes(15, "big"), b"f%d" % at) for at in range(pairs)]
    holders.tell(name(number), number.to_bytes(20, "big"), contents)


def told(folder: Path) -> list[int]:
    return [int.from_bytes(digest, "big") for digest in ContentTable(str(folder)).digests()]


@pytest.fixture
def holders(tmp_path: Path) -> PendingContents:
    return PendingContents(ContentTable(str(tmp_path)))


def test_few_wait_until_they_are_flushed(holders: PendingContents, tmp_path: Path) -> None:
    tell(holders, 1)
    tell(holders, 2)
    assert holders.pending
    assert told(tmp_path) == []
    holders.flush()
    assert not holders.pending
    assert told(tmp_path) == [1, 2]
    assert holders.find(bytes([2]) + bytes(15)) == [f"{name(2)}/f0".encode()]
    holders.close()


def test_many_are_told_at_once(holders: PendingContents, tmp_path: Path) -> None:
    tell(holders, 1)
    tell(holders, 2, pending_contents.MANY)
    assert told(tmp_path) == [1, 2]


def test_none_waits_for_long(
    holders: PendingContents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(holders, 1)
    monkeypatch.setattr(pending_contents, "LONGEST", 0.0)
    tell(holders, 2)
    assert told(tmp_path) == [1, 2]
