"""Marks of all tests, slow and for root alone; the order of tests, and the meaning of signals."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests import memory

# Without a deadline for each example: beside other work any of them may take long.
settings.register_profile("usual", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=20)
settings.load_profile("usual")

HERE = Path(__file__).resolve().parent
QUICK = (HERE / "unit", HERE / "golden")

LONGEST = (
    *("integration/test_tcc_ladder.py", "faults/test_faults.py", "integration/test_audit.py"),
    *("integration/test_repair.py", "fuzz/test_hostile.py", "integration/test_setup.py"),
    *("integration/test_realise.py", "integration/test_cache_failures.py", "integration", "faults"),
    *("fuzz", "unit/recipes", "unit/substitute/test_cached_nodes.py", "unit/test_english.py"),
    *("unit/recovery/test_recover.py", "unit/cli", "unit/derivations", "unit/cache"),
)
"""Files and folders that take longest. They come first, so that all workers end at once."""

FEW_PROCESSORS = 8
"""On so many or fewer, a test that waits has another one beside it."""


def pytest_configure(config: pytest.Config) -> None:
    """Let signals have their usual meaning: ``nohup`` and the ``&`` of a script ignore some. Let
    each worker begin to collect elsewhere."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    memory.prepare(config)
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is not None and config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        config.args[:] = turned(int(worker["workerid"][2:]), worker["workercount"])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Let a worker have its folders where its controller has them."""
    memory.share(node.config, node.workerinput)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove the folders in memory. A worker has none of its own."""
    memory.clear(session.config, session.testsfailed)


def turned(worker: int, count: int) -> list[str]:
    """Return all files of tests, from another one on for each worker. The first to read a file
    compiles it, which is most of the work; the others find that done."""
    files = sorted(str(file) for file in HERE.rglob("test_*.py"))
    first = len(files) * worker // count
    return files[first:] + files[:first]


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return the number of workers for ``--numprocesses auto``. Without the slow tests there is
    little to wait for, and each worker reads all tests, which takes it nine seconds."""
    processors = len(os.sched_getaffinity(0))
    if processors > FEW_PROCESSORS:
        return processors
    return processors + (processors + 1) // 2 if _is_quick(config) else processors * 2


def _is_quick(config: pytest.Config) -> bool:
    return bool(config.option.markexpr == "not slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark as slow all tests that build, break or fuzz: all but the unit tests. With several
    workers, put those that take longest first."""
    for item in items:
        if not any(item.path.is_relative_to(folder) for folder in QUICK):
            item.add_marker("slow")
    if config.getoption("numprocesses", None) or hasattr(config, "workerinput"):
        items.sort(key=_rank)


def pytest_collection_finish() -> None:
    """Let no collection of garbage look at the tests again: in a child that a test forks, it would
    copy all of their memory."""
    gc.collect()
    gc.freeze()


def _rank(item: pytest.Item) -> tuple[int, str]:
    """Return the place of a test's file, or of its folder, among the longest, and the file."""
    name = item.path.relative_to(HERE).as_posix()
    rank = next((n for n, top in enumerate(LONGEST) if name.startswith(top)), len(LONGEST))
    return rank, name


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what only root can do for others, with the mark's reason."""
    mark = item.get_closest_marker("root")
    if mark is not None and os.geteuid() != 0:
        pytest.skip(str(mark.kwargs["reason"]))
