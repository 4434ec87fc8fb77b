"""The harness can fail: each campaign finds a bug of the kind that it is there for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from store.index.writing import Writer
from store.layout.paths import Layout
from store.local.leases import Lease
from store.local.object_removal import Batch, ObjectRemoval
from store.local.stored_objects import Objects
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects import ingest, placing
from store.system import durable, removing
from tests.faults import cuts, kills, refusals
from tests.faults.running import Clock
from tests.faults.subjects import SUBJECTS, Workshop, workshop
from tests.faults.tally import Tally
from tests.faults.together import TOGETHER, together

Patch = pytest.MonkeyPatch
Folders = pytest.TempPathFactory
Plant = Callable[[Patch], None]

LONGEST = 600.0
"""Seconds within which a bug has to be found, on whatever machine; on an idle one it takes few."""

WINDOW = 0.2
"""Seconds for which a planted bug leaves the index wrong, so that a random instant meets it."""


class UntilFound(Clock):
    """Runs until something was found."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(LONGEST)
        self._tally = tally

    def running(self) -> bool:
        return not self._tally.lost and super().running()


@contextmanager
def shop_of(subject: str, place: Path) -> Iterator[Workshop]:
    """A subject's store, made by the program as it is."""
    yield workshop(place / subject, SUBJECTS[subject])
    Workshop.clear(place / subject)


def no_data_syncs(patch: Patch) -> None:
    """A tree is put in place before its bytes are on disk."""
    patch.setattr(ingest, "sync", lambda *_: None)


def no_manifest_syncs(patch: Patch) -> None:
    """The index is written before the manifest's name is on disk."""
    patch.setattr("store.objects.placing.sync_folder", lambda _: None)


def no_index_syncs(patch: Patch) -> None:
    """A transaction is said to be done when it is not on disk."""
    real = __import__("lmdb").open
    patch.setattr("lmdb.open", lambda *args, **options: real(*args, **options, sync=False))


def no_copy_syncs(patch: Patch) -> None:
    """A copy of the index gets its name before its bytes are on disk."""
    patch.setattr("store.recovery.backup.os.fsync", lambda _: None)


def only_before_renames(patch: Patch) -> None:
    """Of all steps only these, so that the search is short."""
    patch.setattr(kills, "DURABLE", ("rename", "renameat", "renameat2"))


def early_index(patch: Patch) -> None:
    """The index names an object before it is in place."""
    only_before_renames(patch)
    real_add = Objects.add

    def add(self: Objects, path: str, name: str, lease: Lease | None = None) -> ObjectId:
        def place(layout: Layout, staged: str, manifest: Manifest, *rest: Any, **how: Any) -> None:
            self.register([manifest], lease)
            time.sleep(WINDOW)
            placing.place(layout, staged, manifest, *rest, **how)

        patch.setattr(ingest, "place", place)
        return real_add(self, path, name, lease)

    patch.setattr(Objects, "add", add)


def early_removal(patch: Patch) -> None:
    """The collector takes an object away before the index has forgotten it."""
    only_before_renames(patch)
    real = ObjectRemoval._forget

    def forget(
        self: ObjectRemoval,
        txn: Writer,
        candidates: Sequence[int],
        live: Callable[[Writer], bytearray],
    ) -> Batch:
        batch = real(self, txn, candidates, live)
        for oid in batch.taken:
            self._move(oid)
        return batch

    patch.setattr(ObjectRemoval, "_forget", forget)


def early_goodbye(patch: Patch) -> None:
    """A replaced object is removed before the swap is on disk."""
    real_replace, real_move, real_sync = placing._replace, durable.move, os.fsync

    def replace(layout: Layout, staged: str, manifest: Manifest, folder: int) -> None:
        patch.setattr(os, "fsync", lambda fd: None if fd == folder else real_sync(fd))
        real_replace(layout, staged, manifest, folder)
        patch.setattr(os, "fsync", real_sync)

    def move(path: str, target: str) -> None:
        real_move(path, target)
        if os.path.isdir(target):
            removing.remove(target)

    patch.setattr(placing, "_replace", replace)
    patch.setattr("store.objects.placing.move", move)


def blind_to_swaps(patch: Patch) -> None:
    """Return what a killed swap left is never cleared."""
    only_before_renames(patch)
    for place in ("object_removal", "swaps"):
        patch.setattr(f"store.local.{place}.swapped", lambda _: set())


def raw_errors(patch: Patch) -> None:
    """Return what the kernel refuses ends as a mistake of the program's."""
    patch.setattr(ingest, "storage_error", lambda error, _: RuntimeError(error))
    patch.setattr(refusals, "FAULTS", {"ENOSPC": ("symlink", "symlinkat")})


Campaign = Callable[[Workshop, Tally, Clock, int], None]

BUGS: Sequence[tuple[Plant, Campaign, str]] = (
    (no_data_syncs, cuts.cut, "first-add"),
    (no_manifest_syncs, cuts.cut, "first-add"),
    (no_index_syncs, cuts.cut, "first-add"),
    (early_index, kills.at_every_step, "first-add"),
    (early_index, kills.at_random, "first-add"),
    (early_removal, kills.at_every_step, "gc"),
    (early_removal, cuts.cut, "gc"),
    (no_copy_syncs, cuts.cut, "backup"),
    (early_goodbye, cuts.cut, "optimise"),
    (blind_to_swaps, kills.at_every_step, "optimise"),
    (raw_errors, refusals.refuse, "first-add"),
)


@pytest.mark.usefixtures("strace", "warmed")
@pytest.mark.parametrize(
    ("plant", "campaign", "subject"),
    BUGS,
    ids=[f"{plant.__name__}-{campaign.__name__}" for plant, campaign, _ in BUGS],
)
def test_a_planted_bug_is_found(
    plant: Plant, campaign: Campaign, subject: str, in_memory: Folders, monkeypatch: Patch
) -> None:
    tally = Tally("planted")
    with shop_of(subject, in_memory.mktemp("planted")) as shop:
        plant(monkeypatch)
        campaign(shop, tally, UntilFound(tally), 1)
    assert tally.lost


@pytest.mark.usefixtures("warmed")
def test_a_collector_that_forgets_the_roots_is_found(
    in_memory: Folders, monkeypatch: Patch
) -> None:
    monkeypatch.setattr("store.local.root_snapshot.RootSnapshot.held", lambda _: [])
    shop = workshop(in_memory.mktemp("planted") / "shop", TOGETHER)
    tally = together(shop, {"adder": 1, "collector": 1}, 2, 1)
    Workshop.clear(shop.place)
    # The last collection meets no add under way: the bug is found on the busiest machine, too.
    assert any("lost: " in finding for finding in tally.lost), (tally.counts, tally.lost)
