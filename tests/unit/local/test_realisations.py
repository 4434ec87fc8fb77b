"""Realisations: the objects of keys, and the outcomes of derivations."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from store.errors import (
    NotOwner,
    StoreReadOnly,
)
from store.index.env import Index
from store.local.store import Store
from tests.golden.examples import DERIVATION, RESOLVED, SOURCE
from tests.unit.local.conftest import KEY, NODE, made, result


def test_what_is_registered_is_found_by_its_key(store: Store) -> None:
    outputs = made(store, "a"), made(store, "b", "doc")
    store.realisations.register(NODE, KEY, RESOLVED, result(*outputs))
    assert store.realisations.realised(KEY, ("out", "doc")) == {
        "out": outputs[0].id,
        "doc": outputs[1].id,
    }
    assert store.realisations.realised(KEY, ("out", "lib")) is None
    assert store.realisations.realised(b"k" * 32, ("out",)) is None
    assert store.objects.present(outputs[0].id)
    assert store.realisations.outcome(NODE) == KEY
    assert store.realisations.maker(outputs[0].id).key == KEY
    assert store.realisations.expected_seconds(RESOLVED.name) == 1.5
    assert store.realisations.expected_seconds("other") is None
    assert store.objects.closure([outputs[0].id]) == (outputs[0].id,)


def test_of_several_objects_the_oldest_is_used(store: Store) -> None:
    old, new = made(store, "old"), made(store, "new")
    store.realisations.register(NODE, KEY, RESOLVED, result(new, started=20))
    store.realisations.register(NODE, KEY, RESOLVED, result(old, started=10))
    assert store.realisations.realised(KEY, ("out",)) == {"out": old.id}
    assert [item.object for item in store.realisations.of(KEY, "out")] == [old.id, new.id]


def test_a_source_is_verified_by_the_locator_that_yielded_it(store: Store) -> None:
    yielded = replace(result(made(store, "s", name=SOURCE.name)), locator="a:b")
    store.realisations.register(SOURCE.digest, SOURCE.digest, SOURCE, yielded)
    assert store.realisations.source_verified(SOURCE.sha256, ("x:y", "a:b"))
    assert not store.realisations.source_verified(SOURCE.sha256, ("x:y",))
    assert not store.realisations.source_verified("0" * 64, ("a:b",))


def test_nodes_are_kept(store: Store) -> None:
    store.realisations.record_nodes(SOURCE, None, DERIVATION)
    assert store.realisations.node(SOURCE.digest) == SOURCE
    assert store.realisations.node(NODE) == DERIVATION


def test_outcomes_are_known_at_once_and_kept_when_flushed(store: Store) -> None:
    store.realisations.note_outcome(NODE, KEY)
    assert store.realisations.outcome(NODE) == KEY
    store.realisations.flush_outcomes()
    assert store.realisations.outcome(NODE) == KEY


@pytest.mark.parametrize("error", [StoreReadOnly, NotOwner])
def test_a_store_that_cannot_be_written_to_does_without_outcomes(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def refuse(self: Index) -> None:
        raise error("no")

    monkeypatch.setattr(Index, "check_writable", refuse)
    store.realisations.note_outcome(NODE, KEY)
    store.realisations.flush_outcomes()
    assert store.realisations.outcome(NODE) is None
    with pytest.raises(error):
        store.objects.add(__file__, "x")
    assert os.listdir(store.layout.tmp) == []
