"""All files of tests are run, and in the same order by each worker."""

from __future__ import annotations

import pytest

from tests.conftest import HERE, turned


def test_no_folder_with_tests_is_left_out(pytestconfig: pytest.Config) -> None:
    """A pattern that was meant for one folder may fit another of the same name."""
    patterns = [pattern for pattern in pytestconfig.getini("norecursedirs") if pattern[0] != "."]
    folders = {
        folder
        for file in HERE.rglob("test_*.py")
        for folder in file.relative_to(HERE.parent).parents
        if folder.name
    }
    assert len(folders) > 20
    assert patterns
    assert [folder for folder in folders if any(map(folder.match, patterns))] == []


@pytest.mark.parametrize("count", [1, 2, 3, 64])
def test_each_worker_collects_all_files_and_begins_with_others(count: int) -> None:
    orders = [turned(worker, count) for worker in range(count)]
    assert len({order[0] for order in orders}) == count
    assert {tuple(sorted(order)) for order in orders} == {
        tuple(sorted(map(str, HERE.rglob("test_*.py"))))
    }
