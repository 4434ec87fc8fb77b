"""Nodes that are left undone because of failures, with the failures that each waits for."""

from __future__ import annotations

from store.events import Failed
from store.job_errors import BuildError
from store.model.catalogue import Catalogue, collect
from store.model.derivation import Derivation
from store.scheduler.undone import undone_for


def build(name: str, *inputs: Derivation) -> Derivation:
    return Derivation(name, "s", "/b", inputs=tuple(sorted(each.ref() for each in inputs)))


ONE, TWO, APART = build("one"), build("two"), build("apart")
MIDDLE = build("middle", ONE)
TOP = build("top", MIDDLE, TWO)
OTHER = build("other", APART)
ALL = [ONE, TWO, APART, MIDDLE, TOP, OTHER]
CATALOGUE = Catalogue({}, collect(ALL))
DEPENDENTS = {
    each.digest: [above.digest for above in ALL if each.ref() in above.inputs] for each in ALL
}


def undone(*failed: Derivation) -> list[tuple[str, tuple[str, ...]]]:
    failures = [Failed(each.digest, each.name, BuildError("no")) for each in failed]
    return [(each.name, each.needs) for each in undone_for(CATALOGUE, DEPENDENTS, failures)]


def test_all_above_a_failure_is_undone_however_far() -> None:
    assert undone(ONE) == [("middle", ("one",)), ("top", ("one",))]


def test_each_names_all_failures_below_it_once() -> None:
    assert undone(TWO, ONE, ONE) == [("middle", ("one",)), ("top", ("one", "two"))]


def test_what_needs_no_failure_is_not_named() -> None:
    assert undone() == []
    assert undone(TOP) == []
    assert undone(APART) == [("other", ("apart",))]
