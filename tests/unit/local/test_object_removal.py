"""Taking out: events between forgetting and moving, and how large batches are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from store.gc.collector import Collector
from store.gc.policy import Policy
from store.layout.paths import Layout
from store.local import object_removal
from store.local.object_removal import AIM, FIRST, LEAST, ObjectRemoval, Way, next_size
from store.local.store import Store
from store.model.names import ObjectId
from store.objects import placing
from store.objects.ingest import ingest
from store.verify.leftovers import check_unregistered


def add(store: Store, place: Path, name: str) -> ObjectId:
    (place / name).write_text(name)
    return store.objects.add(str(place / name), name)


def when_forgotten(monkeypatch: pytest.MonkeyPatch, action: Callable[[], None]) -> None:
    """Have something done when the index has forgotten and nothing was moved yet."""
    real = ObjectRemoval._leave

    def leave(self: ObjectRemoval, oids: Sequence[ObjectId]) -> Way:
        if oids:
            action()
        return real(self, oids)

    monkeypatch.setattr(ObjectRemoval, "_leave", leave)


def test_what_is_added_again_before_it_was_moved_stays(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again, dead = add(store, tmp_path, "again"), add(store, tmp_path, "dead")

    def other() -> None:
        assert not store.objects.present(again)
        assert os.path.exists(store.layout.object(again))
        assert add(store, tmp_path, "again") == again

    when_forgotten(monkeypatch, other)
    collector = Collector(store)
    collector.collect(Policy())
    assert collector.outcome.deleted == [dead]
    assert store.objects.present(again)
    assert store.objects.check(again) == []
    assert not os.path.exists(store.layout.object(dead))


def test_what_is_about_to_be_registered_again_is_not_moved(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = add(store, tmp_path, "again")
    with store.claims() as claims:

        def other() -> None:
            manifest = ingest(store.layout.root, str(tmp_path / "again"), "again", claims=claims)
            assert manifest.id == again

        when_forgotten(monkeypatch, other)
        collector = Collector(store)
        collector.collect(Policy(max_freed=1))
        assert collector.outcome.deleted == []
        assert not store.objects.present(again)
        store.objects.register([store.objects.manifest(again)])
    assert store.objects.check(again) == []


def test_who_checks_the_store_meanwhile_finds_no_stray(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = add(store, tmp_path, "dead")
    findings = []

    def other() -> None:
        assert not store.objects.present(dead)
        findings.append(list(check_unregistered(store)))

    when_forgotten(monkeypatch, other)
    Collector(store).collect(Policy(max_freed=1))
    assert findings == [[]]
    assert not os.path.exists(store.layout.object(dead))


def test_others_have_their_turn_between_portions(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oids = [add(store, tmp_path, f"dead-{number}") for number in range(2 * LEAST + 1)]
    there: list[int] = []
    real = placing.exclusive

    @contextmanager
    def exclusive(layout: Layout) -> Iterator[int]:
        there.append(len(os.listdir(layout.objects)))
        with real(layout) as folder:
            yield folder

    monkeypatch.setattr(object_removal, "exclusive", exclusive)
    monkeypatch.setattr(object_removal, "MOVE_SECONDS", 0.0)
    monkeypatch.setattr(object_removal, "BATCH_SECONDS", 3600.0)
    collector = Collector(store)
    collector.collect(Policy())
    assert sorted(collector.outcome.deleted) == sorted(oids)
    # What is swept at the end is another turn.
    assert there[:3] == [2 * LEAST + 1, LEAST + 1, 1]


def test_a_batch_that_took_long_is_followed_by_a_smaller_one() -> None:
    assert next_size(100, AIM * 1.25) == 80
    assert next_size(100, AIM * 100) == 50
    assert next_size(LEAST, AIM * 100) == LEAST
    assert next_size(100, AIM) == 112
    assert next_size(LEAST, 0.0) > LEAST


def test_batches_become_as_large_as_there_is_time_for() -> None:
    for each, commit in ((0.0001, 0.005), (0.0001, 0.05), (0.00001, 0.001)):
        size, held = FIRST, []
        for _ in range(100):
            held.append(commit + each * size)
            size = next_size(size, held[-1])
        assert max(held[20:]) < max(AIM * 1.2, commit + each * (LEAST + 2))
        assert size > LEAST or commit > AIM
