"""Where equal content stands: asked by forked processes, damaged, full, and forgotten again."""

from __future__ import annotations

import os
import time
from pathlib import Path

import lmdb
import pytest

from store.index.content_table import LONGEST_PATH, NEWEST, ContentTable
from store.system.forking import ForkedCall

CONTENT = b"c" * 16


@pytest.fixture
def table(tmp_path: Path) -> ContentTable:
    return ContentTable(str(tmp_path))


def tell(table: ContentTable, number: int, *paths: str) -> bytes:
    digest = b"%20d" % number
    pairs = [(f"{path:16.16}".encode(), path.encode()) for path in paths]
    table.tell(f"object-{number}", digest, sorted(pairs))
    return digest


def test_the_newest_objects_are_offered_first(table: ContentTable) -> None:
    for number in range(NEWEST + 2):
        table.tell(f"object-{number}", b"%20d" % number, [(CONTENT, b"d/f")])
    newest = [b"object-%d/d/f" % number for number in range(NEWEST + 1, 1, -1)]
    assert table.find(CONTENT) == newest
    assert len(table.find(CONTENT, 50)) == NEWEST + 2
    assert table.find(b"x" * 16) == []


def test_an_object_that_is_one_file_has_no_path(table: ContentTable) -> None:
    table.tell("lone", b"l" * 20, [(CONTENT, b"")])
    assert table.find(CONTENT) == [b"lone"]


def test_nothing_is_there_before_something_was_told(table: ContentTable, tmp_path: Path) -> None:
    assert table.find(CONTENT) == []
    table.forget([b"l" * 20])
    assert os.listdir(tmp_path) == []
    assert table.digests() == []


def test_told_twice_is_told_once(table: ContentTable) -> None:
    for _ in range(2):
        digest = tell(table, 1, "a", "b")
    assert table.find(b"a               ") == [b"object-1/a"]
    assert table.digests() == [digest]


def test_a_path_that_is_too_long_is_not_offered(table: ContentTable) -> None:
    longest = "p" * LONGEST_PATH
    table.tell(
        "object", b"o" * 20, [(CONTENT, longest.encode()), (b"d" * 16, b"q" + longest.encode())]
    )
    assert table.find(CONTENT) == [f"object/{longest}".encode()]
    assert table.find(b"d" * 16) == []


def test_what_was_forgotten_is_not_offered_and_leaves_in_the_end(
    table: ContentTable, tmp_path: Path
) -> None:
    digests = [tell(table, number, *(f"{at}" for at in range(30))) for number in range(9)]
    for at, digest in enumerate(digests[:8]):
        table.forget([digest])
        assert table.find(b"7" + b" " * 15, 50) == [
            b"object-%d/7" % number for number in range(8, at, -1)
        ]
        assert table.digests() == digests[at + 1 :]
    env = lmdb.open(str(tmp_path / "contents.mdb"), subdir=False, max_dbs=6)
    with env.begin() as txn:
        holders = txn.stat(env.open_db(b"holders", txn, dupsort=True))["entries"]
    env.close()
    assert holders < 60
    table.forget(digests)
    assert table.find(b"7" + b" " * 15) == []
    # Numbers are not given again: an entry that was left would name another object.
    tell(table, 20, "8")
    assert table.find(b"8" + b" " * 15) == [b"object-20/8"]


def test_a_forked_process_asks_while_this_one_does(table: ContentTable) -> None:
    tell(table, 1, "a")
    assert table.find(b"a" + b" " * 15)
    table.close()

    def work() -> list[bytes]:
        found = table.find(b"a" + b" " * 15)
        tell(table, 2, "b")
        return found

    helpers = [ForkedCall(work) for _ in range(3)]
    assert [helper.result() for helper in helpers] == [[b"object-1/a"]] * 3
    assert table.find(b"b" + b" " * 15) == [b"object-2/b"]


def test_a_process_that_was_killed_while_it_told_holds_nobody_up(
    table: ContentTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(table, 1, "a")
    out, into = os.pipe()

    def killed() -> None:
        monkeypatch.setattr("store.index.content_table._tell", waiting)
        tell(table, 2, "b")

    def waiting(*_: object) -> None:
        os.write(into, b".")
        time.sleep(1000)

    helper = ForkedCall(killed)
    os.read(out, 1)
    helper.cancel()
    os.close(out)
    os.close(into)
    digest = tell(table, 3, "c")
    assert digest in table.digests()
    assert table.find(b"b" + b" " * 15) == []


@pytest.mark.parametrize("data", [b"", b"no index" * 2000, None])
def test_a_damaged_table_says_nothing_and_begins_anew(
    table: ContentTable, tmp_path: Path, data: bytes | None
) -> None:
    tell(table, 1, *(f"{at}" for at in range(2000)))
    path = tmp_path / "contents.mdb"
    path.write_bytes(path.read_bytes()[:60_000] if data is None else data)
    assert table.find(b"7" + b" " * 15) == []
    table.close()
    for number in (2, 3):
        tell(table, number, "7")
    assert b"object-3/7" in table.find(b"7" + b" " * 15)


def test_where_it_cannot_be_written_nothing_is_told(tmp_path: Path) -> None:
    table = ContentTable(str(tmp_path / "nowhere"))
    tell(table, 1, "a")
    table.forget([b"l" * 20])
    assert table.digests() == table.find(CONTENT) == []


def test_it_grows(table: ContentTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.index.content_table._FIRST_MAP", 1 << 16)
    folder = os.path.dirname(table._file.path)
    table, reader = ContentTable(folder), ContentTable(folder)
    for number in range(20):
        tell(table, number, *(f"{number}-{at}" for at in range(200)))
        assert reader.find(b"%d-7" % number + b" " * (14 - len(str(number)))) != []
        reader.close()
    assert reader.find(b"7-7" + b" " * 13) == [b"object-7/7-7"]
    reader.close()
    assert len(table.digests()) == 20
