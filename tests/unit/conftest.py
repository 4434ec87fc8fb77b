"""An empty store for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.local.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store in ``root`` of the test's folder."""
    opened = Store.open(str(tmp_path / "root"))
    yield opened
    opened.close()
