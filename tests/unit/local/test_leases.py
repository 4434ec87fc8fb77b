"""Leases: objects that a process uses."""

from __future__ import annotations

from store.local.store import Store
from tests.golden.examples import RESOLVED
from tests.unit.local.conftest import KEY, NODE, held, made, result


def test_a_lease_grows_and_holds_until_its_end(store: Store) -> None:
    one, two = made(store, "one"), made(store, "two")
    with store.leases.begin() as lease:
        assert held(store) == []
        store.realisations.register(NODE, KEY, RESOLVED, result(one), lease)
        assert held(store) == [(one.id,)]
        assert not lease.add([one.id])
        store.realisations.register(NODE, KEY, RESOLVED, result(two))
        assert lease.add([one.id, two.id])
        assert not lease.add([two.id])
        assert held(store) == [tuple(sorted((one.id, two.id)))]
        assert lease.held == 2
    assert held(store) == []
    assert lease.held == 0


def test_a_lease_until_exit_outlives_what_leased(store: Store) -> None:
    one = made(store, "one")
    store.realisations.register(NODE, KEY, RESOLVED, result(one))
    store.leases.until_exit([one.id])
    assert held(store) == [(one.id,)]
