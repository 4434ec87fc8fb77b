"""The states of the project that the trial of an upgrade builds."""

from __future__ import annotations

import pytest

from scripts.upgrade_trial import PACKAGE, write_state
from store.model.catalogue import Catalogue
from store.recipes.evaluate import evaluate

LEFT_OUT = {"perl", "autoconf", "tcl", "openssl", "sqlite", "ncurses", "libffi", "expat"}
"""Packages that stand-ins build in half an hour, for what no machine of the trial does."""


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalogue, Catalogue]:
    """Both states with stand-ins, evaluated."""
    folder = tmp_path_factory.mktemp("states")
    one, other = (
        evaluate(str(write_state(folder, number, stand_ins=True, kernel=True) / "smoke"))
        for number in (1, 2)
    )
    return one, other


def built(catalogue: Catalogue) -> set[str]:
    """Return the labels of all that the system is built from."""
    goal = catalogue.ref(PACKAGE).node
    return {catalogue.nodes[node].name for node in catalogue.build_closure([goal])}


def test_the_second_state_has_another_kernel_and_a_package_more(
    states: tuple[Catalogue, Catalogue],
) -> None:
    one, other = map(built, states)
    assert {name for name in one if name.startswith("linux-6")} == {"linux-6.1.176"}
    assert {name for name in other if name.startswith("linux-6")} == {"linux-6.1.170"}
    assert "tree-2.1.0" in other - one


def test_stand_ins_build_nothing_that_the_machine_does_not_use(
    states: tuple[Catalogue, Catalogue],
) -> None:
    packages = {name.partition("-")[0] for name in built(states[1])}
    assert "python" in packages
    assert not packages & LEFT_OUT
