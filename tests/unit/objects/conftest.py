"""A fresh store on disk, and a few words about trees."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.layout.paths import Layout
from store.local.directories import make_directories


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """The folders of a new store."""
    made = Layout(str(tmp_path / "root"))
    make_directories(made)
    return made


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An empty folder to be taken in."""
    path = tmp_path / "tree"
    path.mkdir()
    return path


@pytest.fixture
def clean(layout: Layout) -> object:
    """Checks, when the test is over, that nothing is left in ``tmp/``."""
    yield
    assert os.listdir(layout.tmp) == []
