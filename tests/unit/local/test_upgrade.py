"""A store whose files have second names becomes one of the present form, in place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from store.errors import Busy, SchemaMismatch
from store.index.env import use_lock
from store.index.schema import SCHEMA
from store.layout.paths import Layout
from store.local import equal_files, upgrade
from store.local.store import Store
from store.recovery.recover import rebuild
from store.usage.account import account
from store.verify.finding import Finding
from store.verify.verifier import Verifier
from tests.older import give_second_names, schema


@pytest.fixture
def root(tmp_path: Path) -> str:
    """A store of schema 3 with two trees that have a file in common, and a file."""
    store = Store.open(str(tmp_path / "root"))
    for name in ("one", "two"):
        tree = tmp_path / name
        (tree / "below").mkdir(parents=True)
        (tree / "below" / "same").write_text("same\n" * 2000)
        (tree / "run").write_text(name)
        (tree / "run").chmod(0o755)
        (tree / "link").symlink_to("run")
        store.roots.add(name, store.objects.add(str(tree), name))
    (tmp_path / "lone").write_text("by itself")
    store.roots.add("lone", store.objects.add(str(tmp_path / "lone"), "lone"))
    store.close()
    give_second_names(store.layout.root)
    return store.layout.root


def findings(store: Store) -> list[str]:
    found: list[Finding] = []
    Verifier(store, found.append, contents=True).run()
    return [str(item) for item in found]


def names(root: str) -> dict[str, int]:
    """How many names each file of the store's objects has."""
    return {
        f"{os.path.relpath(folder, Layout(root).objects)}/{name}": os.lstat(
            f"{folder}/{name}"
        ).st_nlink
        for folder, _, files in os.walk(Layout(root).objects)
        for name in files
    }


def check(store: Store) -> None:
    """Return whether the store is of the present form, and whole."""
    assert not os.path.lexists(store.layout.links)
    counts = names(store.layout.root)
    assert {path for path, count in counts.items() if count > 1} == {
        path for path in counts if path.endswith("/same")
    }
    assert findings(store) == []
    assert len(store.roots.all()) == 3
    store.close()
    assert schema(store.layout.root) == b"%d" % SCHEMA


def test_opening_removes_second_names_and_keeps_what_they_were_for(
    root: str, tmp_path: Path
) -> None:
    assert min(names(root).values()) == 1  # links have no second name
    assert sorted(names(root).values())[-2:] == [3, 3]
    check(Store.open(root))
    store = Store.open(root)
    (tmp_path / "again").write_text("by itself")
    fresh = store.objects.add(str(tmp_path / "again"), "again")
    assert os.stat(store.layout.object(fresh)).st_nlink == 2
    found = account(store)
    assert found.unshared > found.total
    assert findings(store) == []


@pytest.mark.parametrize("step", ["migrate", "tell", "_empty"])
def test_what_an_interruption_leaves_is_done_by_the_next_command(
    root: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if step == "migrate":
            patch.setattr("store.index.migration.migrate", interrupted)
        else:
            patch.setattr(equal_files if step == "tell" else upgrade, step, interrupted)
        with pytest.raises(KeyboardInterrupt):
            Store.open(root)
    assert os.path.lexists(Layout(root).links)
    check(Store.open(root))


def test_a_store_in_use_stays_as_it_is(root: str) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", "import fcntl, sys; f = open(sys.argv[1]); "
         "fcntl.flock(f, fcntl.LOCK_SH); print('held', flush=True); sys.stdin.read()",
         use_lock(Layout(root).index)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"
    with pytest.raises(Busy, match="another process uses it") as caught:
        Store.open(root)
    assert caught.value.hint == "wait until it has finished"
    assert schema(root) == b"3"
    other.communicate()
    check(Store.open(root))


def test_who_may_only_read_is_told_what_to_do(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(SchemaMismatch) as caught:
        Store.open(root)
    assert caught.value.hint is not None
    assert "owner has to use this program once" in caught.value.hint
    assert os.path.lexists(Layout(root).links)


def test_a_rebuilt_index_of_such_a_store_is_brought_to_the_present_form(root: str) -> None:
    os.unlink(f"{Layout(root).index}/data.mdb")
    done = rebuild(Layout(root))
    assert len(done.survey.sound) == 3
    check(Store.open(root))


def test_what_else_lies_below_links_is_not_deleted(root: str) -> None:
    pool = Path(Layout(root).links)
    lost = [pool / "lost", pool / "ff" / os.fsdecode(b"\xff\n"), pool / "zz" / ("f" * 62)]
    for path in lost:
        path.parent.mkdir(exist_ok=True)
        path.write_text("lost")
    check(Store.open(root))
    (moved,) = Path(Layout(root).quarantine).glob("links-*/links")
    assert sorted(path for path in moved.rglob("*") if path.is_file()) == sorted(
        moved / path.relative_to(pool) for path in lost
    )


def test_a_link_in_the_place_of_links_is_not_followed(root: str, tmp_path: Path) -> None:
    os.rename(Layout(root).links, tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", Layout(root).links)
    before = sum(len(files) for _, _, files in os.walk(tmp_path / "elsewhere"))
    Store.open(root).close()
    assert not os.path.lexists(Layout(root).links)
    assert sum(len(files) for _, _, files in os.walk(tmp_path / "elsewhere")) == before


def test_without_room_second_names_go_all_the_same(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of contents saves space later; the names that are removed give some back now."""
    with monkeypatch.context() as patch:
        patch.setattr("store.index.content_table.growing", _full)
        store = Store.open(root)
    assert not os.path.lexists(store.layout.links)
    assert {item.partition(":")[0] for item in findings(store)} == {"unshared"}


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")
