"""Folders of these tests are in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import memory


@pytest.fixture(scope="session")
def tmp_path_factory(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> pytest.TempPathFactory:
    """Folders in memory, where there is enough."""
    return memory.factory_of(pytestconfig, tmp_path_factory)


@pytest.fixture(autouse=True)
def small_reserve() -> Iterator[None]:
    """Stores keep little of the disk."""
    with memory.small_reserve():
        yield
