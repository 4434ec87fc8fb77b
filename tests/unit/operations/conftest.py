"""A session of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.operations.session import Session
from tests.recipes.copies import RECIPES


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A session with a new store, and the recipes of toys."""
    with Session(str(tmp_path / "root"), str(RECIPES / "toys")) as session:
        yield session
