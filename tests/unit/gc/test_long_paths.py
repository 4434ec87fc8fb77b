"""Paths that no program can name, and trees without end: every walk gets through them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.gc.collector import Collector
from store.gc.deletion import delete
from store.gc.policy import Policy
from store.job_errors import OutputRefused
from store.local.store import Store
from store.model.names import ObjectId
from store.objects.tree_check import check_object
from store.recovery.recover import rebuild
from store.system import removing
from store.system.longpath import LONGEST
from store.system.removing import remove_tree
from store.usage.account import account
from store.usage.statistics import statistics
from store.verify.finding import Finding
from store.verify.optimise import optimise
from store.verify.verifier import Verifier


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder that is removed by us, as pytest could not."""
    yield tmp_path
    for entry in tmp_path.iterdir():
        remove_tree(str(entry))


def deepen(top: Path, levels: int, length: int, *, filled: bool = False) -> None:
    """Folders in each other, with a file and a link in the last; ``filled``: a file in each."""
    top.mkdir(parents=True, exist_ok=True)
    here = os.open(top, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d" * length, dir_fd=here)
        below = os.open("d" * length, os.O_RDONLY, dir_fd=here)
        if filled:
            file = os.open("file", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=here)
            os.write(file, b"f" * 100)
            os.close(file)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=here))
    os.symlink("nowhere", "link", dir_fd=here)
    os.close(here)


def long_object(place: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Store, ObjectId]:
    """A store with an object that could not be added today, and another."""
    deepen(place / "long", 60, 250)
    store = Store.open(str(place / "root"))
    with monkeypatch.context() as patch:
        patch.setattr("store.objects.ingest.LONGEST", 1 << 20)
        oid = store.objects.add(str(place / "long"), "long")
    (place / "short").write_text("short")
    store.objects.add(str(place / "short"), "short")
    return store, oid


def test_no_longer_path_is_taken_in_than_a_program_can_open(place: Path) -> None:
    store = Store.open(str(place / "root"))
    before = len("/store/") + 33
    deepen(place / "tree", 16, 240)
    most = LONGEST - before - len("/" + "d" * 240) * 16 - len("/file")
    oid = store.objects.add(str(place / "tree"), "n" * most)
    assert len(f"{oid.path}{('/' + 'd' * 240) * 16}/file") == LONGEST
    with pytest.raises(OutputRefused, match="longer path") as caught:
        store.objects.add(str(place / "tree"), "n" * (most + 1))
    assert caught.value.hint == "1 bytes fewer are short enough"
    assert os.listdir(store.layout.tmp) == []


def test_one_that_is_there_is_sound_measured_and_deleted(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, oid = long_object(place, monkeypatch)
    root = store.layout.root
    assert check_object(root, store.objects.manifest(oid)) == []
    for contents in (False, True):
        found: list[Finding] = []
        Verifier(store, found.append, contents=contents).run()
        assert {finding.kind for finding in found} <= {"unshared"}
    assert account(store).shares[0].files == 2
    assert statistics(store).files == 3
    assert not [each.problem for each in optimise(store) if each.problem]
    assert delete(store, [oid]).deleted == [oid]
    assert store.objects.present(oid) is False
    assert [str(each) for each, _ in store.objects.all()] == os.listdir(store.layout.objects)


def test_damage_deep_below_is_found(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, oid = long_object(place, monkeypatch)
    from store.system.longpath import reach

    inner = f"{store.layout.object(oid)}{('/' + 'd' * 250) * 60}"
    with reach(f"{inner}/file") as (folder, name):
        os.chmod(f"/proc/self/fd/{folder}", 0o755)
        os.unlink(name, dir_fd=folder)
    kinds = {each.kind for each in check_object(store.layout.root, store.objects.manifest(oid))}
    assert kinds == {"missing", "mode", "mtime"}


def test_the_collector_and_a_new_index_get_through(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = long_object(place, monkeypatch)
    layout = store.layout
    store.close()
    assert len(rebuild(layout, contents=True).survey.sound) == 2
    store = Store.open(layout.root)
    collector = Collector(store)
    collector.collect(Policy())
    assert not collector.outcome.refused
    assert os.listdir(layout.objects) == []


@pytest.mark.slow
def test_trees_without_end_are_measured_and_removed(place: Path) -> None:
    levels = 1100
    store = Store.open(str(place / "root"))
    layout = store.layout
    for folder in (layout.trash, layout.failed, f"{layout.tmp}/work-dead"):
        deepen(Path(folder) / "deep", levels, 20, filled=True)
    piles = statistics(store).piles
    assert min(piles[name].size for name in ("trash", "failed", "tmp")) >= levels * 100
    Collector(store).collect(Policy())
    assert os.listdir(layout.trash) == []
    assert os.listdir(layout.tmp) == []
    removing.remove(layout.failed)
    assert not os.path.exists(layout.failed)


def test_few_descriptors_suffice(place: Path) -> None:
    import resource

    deepen(place / "deep", 1100, 10)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(map(int, os.listdir("/proc/self/fd"))) + 8
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        removing.remove(str(place / "deep"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not (place / "deep").exists()


@pytest.mark.slow
def test_a_great_output_is_removed_by_several_threads(place: Path) -> None:
    top = place / "work"
    for folder in range(30):
        below = top / str(folder) / "below"
        below.mkdir(parents=True)
        for number in range(50):
            (below / str(number)).touch()
        below.chmod(0o500 if folder % 3 else 0)
    removal = remove_tree(str(top), threads=True)
    assert removal.left == []
    assert not top.exists()
