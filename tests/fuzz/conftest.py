"""Folders of these tests are in memory."""

from __future__ import annotations

import pytest

from tests import memory


@pytest.fixture(scope="session")
def tmp_path_factory(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> pytest.TempPathFactory:
    """Folders in memory, where there is enough."""
    return memory.factory_of(pytestconfig, tmp_path_factory)
