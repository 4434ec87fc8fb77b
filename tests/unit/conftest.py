"""An empty store for each test that asks for one, and the catalogues of the tree's recipes."""

from __future__ import annotations

import contextlib
import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store.local.store import Store
from store.model.catalogue import Catalogue
from store.recipes import catalogues
from tests import memory
from tests.once import once

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def tmp_path_factory(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> pytest.TempPathFactory:
    """Folders in memory, where there is enough."""
    return memory.factory_of(pytestconfig, tmp_path_factory)


@pytest.fixture(autouse=True)
def small_reserve() -> Iterator[None]:
    """Stores keep little of the disk. A test of that has a fixture of this name which changes
    nothing."""
    with memory.small_reserve():
        yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store in ``root`` of the test's folder."""
    opened = Store.open(str(tmp_path / "root"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Returns the file with the catalogue of a folder of the tree (``derivations``, ``smoke``) on
    the seed of a name, as stores keep it. Each is evaluated once for all workers."""

    def file(folder: str, seed: str) -> Path:
        def load(place: Path) -> None:
            catalogues.load(str(place / "catalogue"), str(TOP / folder), seed)

        return once(tmp_path_factory, f"evaluated-{folder}-{seed}", load) / "catalogue"

    return file


@pytest.fixture(scope="session")
def evaluated(kept: Callable[[str, str], Path]) -> Callable[[str, str], Catalogue]:
    """Returns the catalogue of such a folder. It is read once by each worker, and no test changes
    it."""

    @functools.cache
    def catalogue(folder: str, seed: str) -> Catalogue:
        return catalogues.load(str(kept(folder, seed)), str(TOP / folder), seed)

    return catalogue


def make_knowing(root: Path, kept: Callable[[str, str], Path]) -> str:
    """Make an empty store that has the catalogues of ``derivations`` on each seed: its commands
    evaluate nothing. Returns its root."""
    with contextlib.closing(Store.open(str(root))) as store:
        for seed in ("debian", "zig", "tcc"):
            shutil.copy(kept("derivations", seed), f"{store.layout.index}/catalogue-{seed}")
    return str(root)


@pytest.fixture(scope="session")
def knowing(tmp_path_factory: pytest.TempPathFactory, kept: Callable[[str, str], Path]) -> Path:
    """The root of such a store. All workers share it, and no test changes it."""
    made = once(tmp_path_factory, "knowing", lambda place: make_knowing(place / "root", kept))
    return made / "root"
