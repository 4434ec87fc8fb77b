"""The space of objects and their holders, on stores whose files share inodes as the test says."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from store.errors import CorruptObject, StoreReadOnly, UnknownObject
from store.index.content_table import ContentTable
from store.local.store import Store
from store.model.names import ObjectId
from store.objects.ingest import ingest
from store.usage.account import Account, account
from store.usage.shares import NOBODY, SEVERAL
from store.usage.statistics import statistics

SIZE = 40_000
BLOCKS = 40_960
"""The space of a file of that size, on file systems with blocks of 4 KiB and less."""


def add(store: Store, name: str, files: str, references: tuple[ObjectId, ...] = ()) -> ObjectId:
    """An object with a file for each letter, the same letter the same content."""
    tree = Path(store.layout.tmp) / name
    tree.mkdir()
    for at, letter in enumerate(files):
        (tree / f"{at}{letter}").write_text(letter * SIZE)
    (tree / "references").write_text(name + "".join(map(str, references)))
    manifest = ingest(
        store.layout.root,
        str(tree),
        name,
        candidates=references,
        holders=ContentTable(store.layout.index),
    )
    store.objects.register([manifest])
    return manifest.id


def sizes(found: Account) -> dict[str, tuple[int, int]]:
    """Files of SIZE that are an object's alone, and that it shares."""
    return {
        share.id.name: (share.exclusive // BLOCKS, share.shared // BLOCKS) for share in found.shares
    }


def test_a_file_is_an_objects_alone_unless_another_has_it(store: Store) -> None:
    add(store, "first", "abb")
    add(store, "second", "bc")
    add(store, "third", "ddd")
    found = account(store)
    assert sizes(found) == {"first": (1, 1), "second": (1, 1), "third": (1, 0)}
    assert found.total // BLOCKS == 4
    assert found.unshared // BLOCKS == 8
    assert sum(share.fair for share in found.shares) == pytest.approx(found.total)
    assert [share.files for share in found.shares if share.id.name == "first"] == [4]


def test_who_lets_go_frees_what_nobody_else_keeps(store: Store) -> None:
    base = add(store, "base", "a")
    left = add(store, "left", "bx", (base,))
    right = add(store, "right", "cx", (base,))
    add(store, "dead", "cd")
    store.roots.add("left", left)
    store.roots.add("right", right)
    found = account(store)
    owners = {share.id.name: share.owner for share in found.shares}
    names = {at: holder.name for at, holder in enumerate(found.holders)}
    assert owners["base"] == SEVERAL
    assert owners["dead"] == NOBODY
    assert names[owners["left"]] == "left"
    held = {item.holder.name: item for item in found.held if item.holder.kind.value == "root"}
    assert held["left"].objects == held["right"].objects == 2
    # b, and c, for a dead object keeps nothing; base and x are the other's, too.
    assert held["left"].frees // BLOCKS == held["right"].frees // BLOCKS == 1
    assert found.dead // BLOCKS == 1
    store.roots.remove("right")
    held = {item.holder.name: item for item in account(store).held}
    assert held["left"].frees // BLOCKS == 3


def test_only_the_holders_that_free_most_are_looked_at_closer(store: Store) -> None:
    base = add(store, "base", "z")
    for name, files in (("small", "a"), ("large", "bcd"), ("middle", "ef")):
        store.roots.add(name, add(store, name, files, (base,)))
    told: list[tuple[str, int, int]] = []
    found = account(store, top=2, progress=lambda *progress: told.append(progress))
    assert [item.holder.name for item in found.held] == ["large", "middle"]
    assert [item.objects for item in found.held] == [2, 2]
    assert {holder.name: frees // BLOCKS for holder, frees in found.rest if frees} == {"small": 1}
    assert len(found.held) + len(found.rest) == len(found.holders)
    assert told == [("object", 0, 4), ("holder", 0, 2), ("holder", 1, 2)]
    assert account(store, top=2).held == account(store).held[:2]
    assert account(store).rest == []


def test_objects_are_told_by_what_they_take_and_equal_ones_by_digest(store: Store) -> None:
    for name, files in (("one", "a"), ("two", "bcd"), ("three", "e"), ("four", "f")):
        add(store, name, files)
    shares = account(store).shares
    assert list(shares) == sorted(shares, key=lambda share: (-share.total, share.id))
    assert shares[0].id.name == "two"
    assert shares[1:] == list(shares)[1:]
    assert [share.total for share in shares] == [share.exclusive for share in shares]


def test_what_is_said_to_be_freed_is_what_deleting_frees(store: Store) -> None:
    from store.gc.collector import Collector
    from store.gc.policy import Policy

    store.roots.add("one", add(store, "one", "ab"))
    store.roots.add("two", add(store, "two", "bc"))
    promised = {item.holder.name: item.frees for item in account(store).held}["one"]
    store.roots.remove("one")
    collector = Collector(store)
    collector.collect(Policy())
    assert collector.outcome.freed == promised


def test_objects_are_asked_for_with_all_that_they_need(store: Store) -> None:
    base = add(store, "base", "a")
    top = add(store, "top", "b", (base,))
    add(store, "other", "c")
    found = account(store, [top])
    assert {share.id for share in found.shares} == {base, top}
    assert found.held == []
    with pytest.raises(UnknownObject):
        account(store, [ObjectId(bytes(20), "nothing")])


def test_an_object_that_is_gone_from_the_disk_takes_nothing(store: Store) -> None:
    oid = add(store, "first", "a")
    os.chmod(store.layout.object(oid), 0o755)  # moving a directory writes its ".."
    os.rename(store.layout.object(oid), f"{store.layout.tmp}/elsewhere")
    os.unlink(store.layout.manifest(oid))
    assert sizes(account(store)) == {"first": (0, 0)}


@pytest.mark.parametrize(
    ("table", "value"), [(b"references", b"odd"), (b"objects", b"short"), (b"used", b"")]
)
def test_a_damaged_index_is_said_to_be(store: Store, table: bytes, value: bytes) -> None:
    store.roots.add("first", add(store, "first", "a"))
    store.index.write(lambda txn: txn._tables.put(table, b"\0\0\0\1", value))
    if table == b"used":
        account(store)  # it does not look at uses
        with pytest.raises(CorruptObject, match="index"):
            statistics(store)
        return
    for look in (account, statistics):
        with pytest.raises(CorruptObject, match="index"):
            look(store)


def test_the_figures_of_a_store_add_up(store: Store) -> None:
    base = add(store, "base", "ab")
    top = add(store, "top", "bc", (base,))
    store.roots.add("top", top)
    Path(store.layout.log(b"k" * 32)).write_text("x" * 5000)
    os.mkdir(f"{store.layout.failed}/work")
    found = statistics(store)
    assert (found.objects, found.roots, found.realisations) == (2, 1, 0)
    assert found.files == 6
    assert found.before - found.after == found.gain == BLOCKS
    assert found.piles["logs"].entries == 1
    assert found.piles["logs"].size >= 8192
    assert found.piles["failed"].entries == 1
    assert found.piles["quarantine"].entries == 0
    assert [(item.id, item.objects) for item in found.closures] == [(top, 2)]
    assert found.ages["a day"] == (2, found.size)
    with store.index.read() as txn:
        assert found.size == sum(txn.by_number.size(number) for number in txn.by_number.numbers())


def test_what_is_not_for_this_user_to_see_has_no_figures(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, "one", "a")

    def refused(path: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refused)
        with pytest.raises(StoreReadOnly, match="cannot look at the objects"):
            statistics(store)
    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", refused)
        with pytest.raises(StoreReadOnly, match="cannot look at the objects"):
            account(store)
