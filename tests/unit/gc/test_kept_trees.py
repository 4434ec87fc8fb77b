"""Kept trees of failed builds keep what they need, for a time, and go then; so does what audits
kept."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from store.cli.dry_run import show_plan
from store.errors import Busy
from store.gc.collector import Collector
from store.gc.policy import KEPT_OLDER_THAN, Policy
from store.gc.settings import parse
from store.layout.kept import REQUEST, entered, kept_trees
from store.system.locks import DirectoryLock
from store.usage.why import why_alive
from tests.unit.gc.conftest import Stock

LATE = KEPT_OLDER_THAN + 60


def keep(stock: Stock, name: str, *inputs: str, rootfs: str | None = None) -> Path:
    """A kept tree whose build had these inputs."""
    tree = Path(stock.store.layout.failed, name)
    (tree / "build").mkdir(parents=True)
    (tree / "build" / "left").write_bytes(bytes(1 << 16))
    names = {each: str(stock.oids[each]) for each in stock.oids}
    record = {"inputs": [names[each] for each in inputs], "rootfs": rootfs and names[rootfs]}
    (tree / REQUEST).write_text(json.dumps(record))
    return tree


def pass_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    then = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: then)


def collect(stock: Stock, policy: Policy | None = None) -> Collector:
    collector = Collector(stock.store)
    collector.collect(policy or Policy())
    return collector


def test_what_a_kept_tree_needs_stays_for_its_time(
    stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("input", "root", "other"):
        stock.make(name)
    tree = keep(stock, "work-1-x", "input", rootfs="root")
    collect(stock)
    assert tree.exists()
    assert stock.there() == {"input", "root"}
    chain = why_alive(stock.store, stock.oids["root"])
    assert str(chain and chain.holder) == f"tree {tree}"
    pass_time(monkeypatch, LATE)
    collector = collect(stock)
    assert not tree.exists()
    assert stock.there() == set()
    assert collector.outcome.trees == 1
    assert collector.outcome.freed >= 1 << 16


def test_a_tree_that_somebody_is_in_stays_and_has_its_time_anew(
    stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock.make("input")
    tree = keep(stock, "work-1-x", "input")
    os.utime(tree, (1, 1))
    with entered(str(tree)):
        assert tree.stat().st_mtime > time.time() - 60
        with monkeypatch.context() as patch:
            pass_time(patch, LATE)
            collect(stock)
        assert stock.there() == {"input"}
    collect(stock, Policy(older_than=3600))
    assert tree.exists()


def test_one_that_is_being_removed_is_not_entered(stock: Stock) -> None:
    tree = keep(stock, "work-1-x")
    hold = DirectoryLock(str(tree))
    with pytest.raises(Busy, match="is being removed"), entered(str(tree)):
        pass
    hold.release()


def test_what_audits_kept_goes_after_its_time(
    stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Path(stock.store.layout.audits, "x-0123456789ab-control")
    shelf.mkdir()
    (shelf / "rebuilt.log").write_text("log")
    collect(stock)
    assert shelf.exists()
    pass_time(monkeypatch, LATE)
    collect(stock)
    assert not shelf.exists()


@pytest.mark.parametrize("kind", ["link", "fifo", "missing", "text", "nested", "names", "list"])
def test_a_request_that_is_none_keeps_nothing_and_harms_nothing(
    stock: Stock, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    stock.make("input")
    tree = keep(stock, "work-1-x", "input")
    request, other = tree / REQUEST, stock.place / "other"
    request.rename(other)
    if kind == "link":
        request.symlink_to(other)
    elif kind == "fifo":
        os.mkfifo(request)
    elif kind != "missing":
        texts = {
            "text": "{",
            "nested": '{"inputs": ' + "[" * 100_000,
            "names": '{"inputs": ["../../etc", {}, 3, "x"], "rootfs": "/"}',
            "list": "[1]",
        }
        request.write_text(texts[kind])
    assert [each.needs for each in kept_trees(stock.store.layout)] == [()]
    collect(stock)
    assert stock.there() == set()
    assert tree.exists()
    pass_time(monkeypatch, LATE)
    collect(stock)
    assert not tree.exists()
    assert other.exists()


@pytest.mark.parametrize("folder", ["failed", "audits"])
def test_what_is_no_folder_is_removed_in_time_and_not_followed(
    stock: Stock, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    place = Path(stock.store.layout.root, folder)
    (stock.place / "mine").write_text("mine")
    (place / "link").symlink_to(stock.place)
    os.mkfifo(place / "fifo")
    pass_time(monkeypatch, LATE)
    collect(stock)
    assert list(place.iterdir()) == []
    assert (stock.place / "mine").read_text() == "mine"


def test_a_bound_that_is_reached_spares_the_trees(
    stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees = [keep(stock, f"work-{number}-x") for number in (1, 2)]
    os.utime(trees[0], (1, 1))
    pass_time(monkeypatch, LATE)
    collect(stock, Policy(max_freed=1))
    assert sum(tree.exists() for tree in trees) == 1


def test_a_dry_run_tells_of_them_and_of_what_goes_with_them(
    stock: Stock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stock.make("input")
    tree = keep(stock, "work-1-x", "input")
    pass_time(monkeypatch, LATE)
    show_plan(stock.store, Policy(), as_json=True)
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])["summary"]
    assert (summary["trees"], summary["objects"]) == (1, 1)
    assert summary["trees_frees"] >= 1 << 16
    show_plan(stock.store, Policy(), as_json=False)
    assert "1 kept tree would be removed, which frees" in capsys.readouterr().out
    assert tree.exists()


def test_how_long_they_are_kept_can_be_set() -> None:
    settings = parse(b'[collect]\nkept-older-than = "2d"\n')
    assert settings.policy().kept_older_than == 2 * 86400
    assert settings.completed(Policy()).kept_older_than == 2 * 86400
