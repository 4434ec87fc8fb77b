"""Shared by the short runs: time, seed, and the summary at the end of the test session."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests import memory
from tests.faults.running import have_strace, warm
from tests.faults.subjects import SUBJECTS, Workshop, workshop
from tests.faults.tally import Tally

SECONDS = float(os.environ.get("STORE_FAULTS_SECONDS", "1"))
"""For each campaign and subject."""

SEED = int(os.environ.get("STORE_FAULTS_SEED", "1"))

_TALLIES: list[Tally] = []


@pytest.fixture(scope="session")
def in_memory(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> pytest.TempPathFactory:
    """Folders in memory, where there is enough. A kill takes nothing from a disk that was written,
    and :mod:`disk` decides what a power cut takes: the kind of disk has no part in either."""
    return memory.factory_of(pytestconfig, tmp_path_factory)


@pytest.fixture(scope="session")
def warmed() -> None:
    """The engine imported."""
    warm()


@pytest.fixture
def strace(warmed: None) -> None:
    """Strace is there: a skip without it, but a failure where all tests have to run."""
    if not have_strace():
        if os.environ.get("STRACE_REQUIRED"):
            pytest.fail("strace is not installed")
        pytest.skip("strace is not installed")


@pytest.fixture(scope="module", params=list(SUBJECTS))
def shop(
    request: pytest.FixtureRequest, warmed: None, in_memory: pytest.TempPathFactory
) -> Iterator[Workshop]:
    """Each subject with its store, which no run changes: each has a copy."""
    place = in_memory.mktemp("faults") / request.param
    yield workshop(place, SUBJECTS[request.param])
    Workshop.clear(place)


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """A tally whose line stands in the summary."""
    made = Tally(request.node.name)
    _TALLIES.append(made)
    return made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line a campaign."""
    if _TALLIES:
        terminalreporter.section("faults")
        for tally in _TALLIES:
            terminalreporter.write_line(str(tally))
