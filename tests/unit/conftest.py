"""An empty store for each test that asks for one, and the catalogues of the tree's recipes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store.local.store import Store
from store.model.catalogue import Catalogue
from store.recipes import catalogues
from tests.once import once

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store in ``root`` of the test's folder."""
    opened = Store.open(str(tmp_path / "root"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Catalogue]:
    """Returns the catalogue of a folder of the tree (``derivations``, ``smoke``) on the seed of a
    name. Each is evaluated once for all workers, and read once by each; no test changes it."""

    @functools.cache
    def catalogue(folder: str, seed: str) -> Catalogue:
        def load(place: Path) -> Catalogue:
            return catalogues.load(str(place / "catalogue"), str(TOP / folder), seed)

        return load(once(tmp_path_factory, f"evaluated-{folder}-{seed}", load))

    return catalogue
