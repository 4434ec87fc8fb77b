"""Marks of all tests: those that are slow, and those that only root can run; and signals."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("quick", max_examples=20)

HERE = Path(__file__).resolve().parent
QUICK = (HERE / "unit", HERE / "golden")


def pytest_configure() -> None:
    """Let signals have their usual meaning: ``nohup`` and the ``&`` of a script ignore some."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Mark as slow all tests that build, break or fuzz: all but the unit tests."""
    for item in items:
        if not any(item.path.is_relative_to(folder) for folder in QUICK):
            item.add_marker("slow")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what only root can do for others, with the mark's reason."""
    mark = item.get_closest_marker("root")
    if mark is not None and os.geteuid() != 0:
        pytest.skip(str(mark.kwargs["reason"]))
