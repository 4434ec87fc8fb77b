"""A store of small objects that refer to each other, by names that a test gives them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from store.layout.paths import Layout
from store.local.directories import make_directories
from store.local.store import Store
from store.model.names import ObjectId
from store.objects.ingest import ingest


@dataclass
class Stock:
    """``oids`` by name; ``place`` is a folder outside the store."""

    store: Store
    place: Path
    oids: dict[str, ObjectId] = field(default_factory=dict)

    def make(self, name: str, below: Iterable[str] = (), size: int = 100) -> ObjectId:
        """A file of so many bytes and a line for each object that it refers to."""
        others = [self.oids[other] for other in below]
        path = self.place / name
        path.write_text("".join(f"{other.path}\n" for other in others) + name.ljust(size, "x"))
        manifest = ingest(self.store.layout.root, str(path), name, candidates=others)
        assert set(manifest.references) == set(others)
        self.store.objects.register([manifest])
        self.oids[name] = manifest.id
        return manifest.id

    def there(self) -> set[str]:
        """The names of the objects that the index knows; each is on disk, and no other is."""
        known = {oid for oid, _ in self.store.objects.all()}
        names = set(map(str, known))
        assert set(os.listdir(self.store.layout.objects)) == names
        assert set(os.listdir(self.store.layout.manifests)) == names
        return {name for name, oid in self.oids.items() if oid in known}

    def elsewhere(self, action: Callable[[Store], None]) -> int:
        """Let another process do something with the store and end without a clean-up; returns its
        exit code."""
        root = self.store.layout.root
        self.store.close()
        pid = os.fork()
        if pid == 0:
            try:
                action(Store.open(root))
                os._exit(0)
            finally:
                os._exit(99)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self.store = Store.open(root)
        return code

    def used(self, name: str, when: int) -> None:
        """Have the index believe that an object was last used then (Unix seconds)."""
        self.store.index.write(lambda txn: txn.times.note_used([self.oids[name]], when))


@pytest.fixture
def stock(store: Store, tmp_path: Path) -> Iterator[Stock]:
    place = tmp_path / "place"
    place.mkdir()
    made = Stock(store, place)
    yield made
    made.store.close()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """The folders of a new store."""
    made = Layout(str(tmp_path / "root"))
    make_directories(made)
    return made
