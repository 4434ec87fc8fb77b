"""A store is looked at although its index cannot be read, and whatever reading it does."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from store.errors import CorruptObject, HelperEnded
from store.index.env import Index
from store.layout.paths import Layout
from store.local.store import Store
from store.model.names import ObjectId
from store.verify import index_check
from store.verify.finding import Finding
from store.verify.index_check import index_findings
from store.verify.without_index import BareVerifier


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(str(tmp_path / "root"))


@pytest.fixture
def oids(layout: Layout, tmp_path: Path) -> list[ObjectId]:
    (tmp_path / "a").write_text("one\n")
    (tmp_path / "b").write_text("two\n")
    store = Store.open(layout.root)
    found = [store.objects.add(str(tmp_path / name), name) for name in "ab"]
    store.close()
    return found


def findings(layout: Layout, *, contents: bool = True) -> list[Finding]:
    found: list[Finding] = []
    BareVerifier(layout, found.append, contents=contents).run("it is gone")
    return found


def test_the_findings_of_an_index_come_from_another_process(
    layout: Layout, oids: list[ObjectId]
) -> None:
    assert index_findings(layout.root) == []
    store = Store.open(layout.root)
    store.roots.add("kept", oids[0])
    store.index.write(lambda txn: txn.objects.unregister(txn.objects.known(oids[0])))
    store.close()
    assert [item.path for item in index_findings(layout.root)] == ["index/roots"]


def test_other_work_is_done_while_an_index_is_read(layout: Layout, oids: list[ObjectId]) -> None:
    done = []
    assert index_findings(layout.root, lambda: done.append(os.getpid())) == []
    assert done == [os.getpid()]


def test_an_error_of_the_other_work_leaves_no_process(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "pid"

    def check(store: Store) -> None:
        place.with_suffix(".new").write_text(str(os.getpid()))
        place.with_suffix(".new").rename(place)
        time.sleep(60)

    def fail() -> None:
        while not place.exists():
            time.sleep(0.01)
        raise ZeroDivisionError

    monkeypatch.setattr(index_check, "check_index", check)
    with pytest.raises(ZeroDivisionError):
        index_findings(layout.root, fail)
    with pytest.raises(ProcessLookupError):
        os.kill(int(place.read_text()), 0)


@pytest.mark.parametrize("pages", range(1, 12))
def test_an_index_that_is_cut_short_is_told_and_kills_nobody(
    layout: Layout, oids: list[ObjectId], pages: int
) -> None:
    os.truncate(f"{layout.index}/data.mdb", pages * 4096)
    with pytest.raises(CorruptObject):
        index_findings(layout.root)
    with pytest.raises(CorruptObject):
        Index.open(layout.index)


def test_an_index_that_kills_who_reads_it_is_an_error(
    layout: Layout, oids: list[ObjectId], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        index_check, "check_index", lambda store: os.kill(os.getpid(), signal.SIGBUS)
    )
    with pytest.raises(HelperEnded):
        index_findings(layout.root)


def test_all_that_the_disk_tells_is_found_without_the_index(
    layout: Layout, oids: list[ObjectId]
) -> None:
    assert [item.kind for item in findings(layout)] == ["index"]
    first, second = map(layout.object, oids)
    os.chmod(first, 0o644)
    Path(first).write_text("eno\n")
    os.utime(first, ns=(10**9, 10**9))
    os.chmod(first, 0o444)
    os.unlink(second)
    Path(layout.objects, "x").touch()
    Path(layout.objects, f".{oids[1]}").touch()
    os.mkdir(f"{layout.tmp}/object-x")
    seen = {(item.kind, item.severity, os.path.basename(item.path)) for item in findings(layout)}
    assert seen == {
        ("index", "error", "data.mdb"),
        ("content", "error", str(oids[0])),
        ("stray", "note", "x"),
        ("stray", "note", str(oids[1])),
        ("leftover", "note", f".{oids[1]}"),
        ("leftover", "note", "object-x"),
    } | {item for item in seen if item[0] == "leftover"}
    assert "content" not in {item.kind for item in findings(layout, contents=False)}


def test_a_budget_bounds_what_is_read_without_the_index(
    layout: Layout, oids: list[ObjectId]
) -> None:
    found: list[Finding] = []
    outcome = BareVerifier(layout, found.append, budget=0).run("it is gone")
    assert (outcome.due, outcome.looked, outcome.errors) == (2, 0, 1)
