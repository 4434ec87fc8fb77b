"""A swap that is killed anywhere leaves the object in place, and something that can be cleared."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from store.layout.paths import Layout
from store.model.manifest import Manifest
from store.objects import placing
from store.objects.ingest import ingest, ingest_again
from store.objects.placing import clear_swap, exclusive, swapped
from store.objects.tree_check import check_object
from store.recovery.survey import survey
from store.system import kernel
from store.system.durable import move

Swap = Callable[[], object]


@pytest.fixture
def manifest(layout: Layout, tree: Path) -> Manifest:
    """An object in place."""
    (tree / "sub").mkdir()
    (tree / "sub" / "a").write_bytes(b"whole")
    return ingest(layout.root, str(tree), "pkg")


def swap(layout: Layout, tree: Path, manifest: Manifest) -> None:
    """Replace the object by one of the same tree."""
    ingest_again(layout.root, str(tree), manifest.id, (), always=True)


def cleared(layout: Layout, manifest: Manifest) -> list[str]:
    """The store directory after the leftovers of swaps were cleared."""
    aside = f"{layout.trash}/aside"
    os.mkdir(aside)
    with exclusive(layout) as folder:
        assert swapped(os.listdir(layout.objects)) == {manifest.id}
        clear_swap(layout, manifest.id, aside, folder, known=True)
    assert os.listdir(aside) != []
    return os.listdir(layout.objects)


def killed_at(module: object, name: str, count: int, work: Swap) -> None:
    """Do it in a child that ends, without a clean-up, where it would call this the N-th time."""
    pid = os.fork()
    if pid == 0:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, name, _ending(getattr(module, name), count))
            try:
                work()
            finally:
                os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9


def _ending(call: Callable[..., object], count: int) -> Callable[..., object]:
    calls = 0

    def ending(*args: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        return os._exit(9) if calls == count else call(*args, **named)

    return ending


def cannot_exchange(patch: pytest.MonkeyPatch) -> None:
    """As on a file system that does not know how two change places."""

    def refuse(one: str, other: str) -> None:
        raise OSError(errno.EINVAL, "Invalid argument", one)

    patch.setattr(kernel, "exchange", refuse)


@pytest.mark.parametrize(
    ("module", "name"), [(placing, "_finish_top"), (kernel, "exchange"), (placing, "move")]
)
def test_a_killed_swap_leaves_the_object_and_what_can_be_cleared(
    layout: Layout, tree: Path, manifest: Manifest, module: object, name: str
) -> None:
    killed_at(module, name, 1, lambda: swap(layout, tree, manifest))
    assert sorted(os.listdir(layout.objects)) == [f".{manifest.id}", str(manifest.id)]
    assert check_object(layout.root, manifest) == []
    assert cleared(layout, manifest) == [str(manifest.id)]
    assert check_object(layout.root, manifest) == []


@pytest.mark.parametrize(
    ("module", "name", "count"), [(placing, "_finish_top", 1), (os, "rename", 1), (os, "rename", 3)]
)
def test_a_killed_put_leaves_nothing_at_the_name_and_the_next_one_works(
    layout: Layout, tree: Path, module: object, name: str, count: int
) -> None:
    (tree / "a").write_bytes(b"whole")
    killed_at(module, name, count, lambda: ingest(layout.root, str(tree), "pkg"))
    left = os.listdir(layout.objects)
    assert [item for item in left if not item.startswith(".")] == []
    assert survey(layout).damaged == []
    manifest = ingest(layout.root, str(tree), "pkg")
    assert os.listdir(layout.objects) == [str(manifest.id)]
    assert check_object(layout.root, manifest) == []


def test_what_a_killed_put_left_of_an_object_that_was_lost_is_made_whole(
    layout: Layout, tree: Path, manifest: Manifest
) -> None:
    move(layout.object(manifest.id), f"{layout.trash}/{manifest.id}")
    killed_at(placing, "_finish_top", 1, lambda: ingest(layout.root, str(tree), "pkg"))
    aside = f"{layout.trash}/aside"
    os.mkdir(aside)
    with exclusive(layout) as folder:
        clear_swap(layout, manifest.id, aside, folder, known=True)
    assert os.listdir(layout.objects) == [str(manifest.id)]
    assert check_object(layout.root, manifest) == []


def test_the_next_swap_clears_what_the_last_one_left(
    layout: Layout, tree: Path, manifest: Manifest
) -> None:
    killed_at(kernel, "exchange", 1, lambda: swap(layout, tree, manifest))
    swap(layout, tree, manifest)
    assert os.listdir(layout.objects) == [str(manifest.id)]
    assert os.listdir(layout.trash) == []
    assert check_object(layout.root, manifest) == []


def test_without_an_exchange_the_object_is_put_in_place_when_it_was_in_none(
    layout: Layout, tree: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    cannot_exchange(monkeypatch)
    former = os.stat(layout.object(manifest.id)).st_ino
    renames = []  # how many of them a swap makes, and after which nothing is in place
    original = os.rename

    def counting(source: str, target: str) -> None:
        original(source, target)
        renames.append(not os.path.lexists(layout.object(manifest.id)))

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", counting)
        swap(layout, tree, manifest)
    assert renames.count(True) == 1
    assert os.stat(layout.object(manifest.id)).st_ino != former
    killed_at(os, "rename", renames.index(True) + 2, lambda: swap(layout, tree, manifest))
    assert sorted(os.listdir(layout.objects)) == [f"..{manifest.id}", f".{manifest.id}"]
    assert cleared(layout, manifest) == [str(manifest.id)]
    assert check_object(layout.root, manifest) == []


@pytest.mark.parametrize("exchanging", [True, False])
def test_what_is_replaced_goes_only_when_the_other_is_there_for_good(
    layout: Layout,
    tree: Path,
    manifest: Manifest,
    monkeypatch: pytest.MonkeyPatch,
    exchanging: bool,
) -> None:
    if not exchanging:
        cannot_exchange(monkeypatch)
    original = os.fsync

    def failing(fd: int) -> None:
        if os.path.samestat(os.fstat(fd), os.stat(layout.objects)):
            raise OSError(errno.EIO, "Input/output error")
        original(fd)

    with monkeypatch.context() as patch, pytest.raises(Exception, match="Input/output error"):
        patch.setattr(os, "fsync", failing)
        swap(layout, tree, manifest)
    assert len(os.listdir(layout.objects)) == 2
    assert os.listdir(layout.tmp) == []
    assert cleared(layout, manifest) == [str(manifest.id)]
