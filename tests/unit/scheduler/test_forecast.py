"""How long the work ahead is said to take."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from store.events import PlannedNode
from store.graph.resolver import BuildPlan
from store.local.store import Store
from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation
from store.scheduler.forecast import Estimate, TimeForecast, chains, planned_nodes

TOP = Path(__file__).resolve().parents[3]

A, B, C, D = b"a", b"b", b"c", b"d"


def build(key: bytes, expected: float | None, *needs: bytes) -> PlannedNode:
    return PlannedNode(key, key.decode(), "build", needs, expected)


def fetch(key: bytes, *needs: bytes) -> PlannedNode:
    return PlannedNode(key, key.decode(), "fetch", needs)


LADDER = (build(A, 600.0), build(B, 300.0, A), build(C, 100.0, A), build(D, 50.0, B, C))


def test_a_chain_is_as_long_as_what_waits_for_its_foot() -> None:
    assert chains(LADDER) == {D: 50.0, C: 150.0, B: 350.0, A: 950.0}


@pytest.mark.parametrize(("jobs", "seconds"), [(1, 1050.0), (2, 950.0), (9, 950.0)])
def test_what_waits_takes_the_longest_chain_or_all_jobs(jobs: int, seconds: float) -> None:
    assert TimeForecast(LADDER, jobs).left({A, B, C, D}, {}) == Estimate(seconds, True)


def test_what_runs_is_counted_from_its_start() -> None:
    forecast = TimeForecast(LADDER, 2)
    assert forecast.left({D}, {B: 100.0, C: 60.0}).seconds == 250.0
    assert forecast.left({B, C, D}, {A: 590.0}).seconds == 360.0


def test_after_a_failure_only_what_runs_is_waited_for() -> None:
    assert TimeForecast(LADDER, 2).left({D}, {B: 100.0}, starting=False).seconds == 200.0


def test_what_is_overdue_slows_the_rest() -> None:
    left = TimeForecast(LADDER, 2).left({B, C, D}, {A: 1200.0})
    assert 60.0 + 1.5 * 350.0 < left.seconds < 60.0 + 2.0 * 350.0


def test_a_slow_machine_is_believed_when_it_has_shown_it() -> None:
    forecast = TimeForecast(LADDER, 2)
    forecast.learn(A, 1860.0)
    assert forecast.left({B, C, D}, {}).seconds == pytest.approx(350.0 * 1920 / 660)


def test_an_unknown_build_makes_the_estimate_a_lower_bound() -> None:
    nodes = (fetch(A), build(B, None, A), build(C, 10.0, B))
    assert TimeForecast(nodes, 1).left({A, B, C}, {}) == Estimate(11.0, False)
    assert TimeForecast(nodes, 1).left({C}, {}) == Estimate(10.0, True)


def test_downloads_run_beside_builds_and_six_at_once() -> None:
    nodes = [fetch(bytes([number])) for number in range(12)]
    assert TimeForecast(nodes, 1).left({node.key for node in nodes}, {}).seconds == 2.0
    both = [*nodes, build(b"x", 1.5)]
    assert TimeForecast(both, 1).left({node.key for node in both}, {}).seconds == 2.0


def test_nodes_of_one_name_are_told_apart_by_their_packages() -> None:
    made = [Derivation(name, "x", "/bin/sh", (str(number),)) for number, name in enumerate("aab")]
    names = ("one.a", "two.a", "one.b")
    packages = {
        name: Package(name, each.digest) for name, each in zip(names, made, strict=True)
    } | {"a": Package("a", made[0].digest)}
    catalogue = Catalogue(packages, collect(made), seconds={made[2].digest: 40})
    plan = BuildPlan((), tuple(each.digest for each in made))

    class Nothing:
        def expected_seconds(self, name: str) -> float | None:
            return None

    class Empty:
        realisations = Nothing()

    nodes = planned_nodes(cast(Store, Empty()), catalogue, plan)
    assert {node.name: node.expected for node in nodes} == {
        "a (one.a)": None,
        "a (two.a)": None,
        "b": 40,
    }


@pytest.mark.slow
def test_a_first_gcc_is_said_to_take_about_40_minutes(tmp_path: Path) -> None:
    options = ["--root", str(tmp_path / "root"), "--recipes", str(TOP / "derivations")]
    words = ["realise", "--dry-run", "--jobs", "2", "--cores", "2", "gcc"]
    command = [sys.executable, "-m", "store", *options, *words]
    done = subprocess.run(command, cwd=TOP, check=True, capture_output=True, text=True)
    assert done.stderr == "about 40 min in all\n"
    assert "  gcc-14.2.0  (21m40s)" in done.stdout.splitlines()
