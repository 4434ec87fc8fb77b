"""The states of the project that the trial of an upgrade builds."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scripts.upgrade_trial import PACKAGE, write_state

LEFT_OUT = {"perl", "autoconf", "tcl", "openssl", "sqlite", "ncurses", "libffi", "expat"}
"""Packages that stand-ins build in half an hour, for what no machine of the trial does."""


BUILT = """
import sys
top, package = sys.argv[1:]
sys.path.insert(0, top)
from store.recipes.evaluate import evaluate
catalogue = evaluate(top + "/smoke")
for node in catalogue.build_closure([catalogue.ref(package).node]):
    print(catalogue.nodes[node].name)
"""
"""Prints the labels of all that a package of a state is built from, by the engine of that state,
since recipes outside ``derivations`` take the kit that stands beside their engine."""


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], set[str]]:
    """The labels of what the system is built from, in both states with stand-ins."""
    folder = tmp_path_factory.mktemp("states")
    one, other = (
        set(
            subprocess.run(
                [
                    *(sys.executable, "-I", "-c", BUILT),
                    write_state(folder, number, stand_ins=True, kernel=True),
                    PACKAGE,
                ],
                stdout=subprocess.PIPE,
                check=True,
                text=True,
            ).stdout.splitlines()
        )
        for number in (1, 2)
    )
    return one, other


def test_the_second_state_has_another_kernel_and_a_package_more(
    states: tuple[set[str], set[str]],
) -> None:
    one, other = states
    assert {name for name in one if name.startswith("linux-6")} == {"linux-6.1.176"}
    assert {name for name in other if name.startswith("linux-6")} == {"linux-6.1.170"}
    assert "tree-2.1.0" in other - one


def test_stand_ins_build_nothing_that_the_machine_does_not_use(
    states: tuple[set[str], set[str]],
) -> None:
    packages = {name.partition("-")[0] for name in states[1]}
    assert "python" in packages
    assert not packages & LEFT_OUT
