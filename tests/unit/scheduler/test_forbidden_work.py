"""The errors for work that the options of a run forbid."""

from __future__ import annotations

from store.graph.resolver import BuildPlan
from store.model.catalogue import Catalogue, collect
from store.model.derivation import Derivation, Source
from store.scheduler.forbidden_work import not_cached, not_fetched

SOURCE = Source("source.tar", "0" * 64, ("https://me:secret@example.org/source.tar",))
BUILDS = [Derivation(f"p{n}", "x86_64-linux", "/bin/sh", inputs=(SOURCE.ref(),)) for n in range(7)]


def test_goals_are_named_first_and_a_few_others() -> None:
    catalogue = Catalogue({}, collect([SOURCE, *BUILDS]))
    plan = BuildPlan((SOURCE.digest,), tuple(each.digest for each in BUILDS))
    error = not_cached(catalogue, plan, [BUILDS[2].digest])
    assert error.message == "no cache has p2, p6, p5, p4, p3, and 3 more"
    assert error.exit_code == 28


def test_a_source_that_may_not_be_fetched_is_named_without_secrets() -> None:
    error = not_fetched(SOURCE)
    assert "source.tar would have to be fetched from https://example.org/" in error.message
    assert "secret" not in error.message
