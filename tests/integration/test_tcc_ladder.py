"""The small ladder: a compiler from real source that, built by itself, is itself."""

from __future__ import annotations

from dataclasses import replace

from tests.integration.conftest import TOP, Shop


def test_tcc_built_by_tcc_is_a_fixpoint(shop: Shop) -> None:
    ladder = replace(shop, recipes=TOP / "derivations")
    done = ladder.run("realise", "tcc0.tcc", "tcc1.tcc", "tcc2.tcc", timeout=900)
    assert done.returncode == 0, done.stderr
    by_gcc, by_that, by_itself = done.stdout.split()
    assert by_that == by_itself
    assert by_gcc != by_that, "another compiler's work: equal paths would prove nothing"
    assert ladder.path("run", "tcc", "--", "tcc", "-v").startswith("tcc version 0.9.27")
    for path in (by_gcc, by_itself):
        assert ladder.run("verify", path).returncode == 0


def test_the_third_round_is_a_no_op(shop: Shop) -> None:
    ladder = replace(shop, recipes=TOP / "derivations")
    ladder.path("realise", "tcc2.tcc")
    assert ladder.path("realise", "--dry-run", "tcc2.tcc") == "nothing to do"
