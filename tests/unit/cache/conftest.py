"""Two stores, and a cache in memory that has the objects of the first, and may lie."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from store import digest
from store.cache.head import FRAME_LIMIT, Head, PackFrame, stream
from store.cache.offering import Piece
from store.job_errors import CacheUnusable
from store.local.store import Store
from store.model import identity
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects.ingest import ingest, ingest_outputs
from store.verify.verifier import Verifier

PIECE = 300_000

Lie = Callable[[bytes, Iterator[Piece]], Iterator[Piece]]


@dataclass
class MemoryRun:
    """The contents of one run, as they are or as a test says."""

    size: int
    digests: Sequence[bytes]
    cache: MemoryCache
    lie: Lie | None = None

    def parts(self) -> Iterator[Iterable[Piece]]:
        for key in self.digests:
            with Path(self.cache.log).open("a") as stream:
                stream.write(f"{key.hex()}\n")
            honest = self._honest(key)
            yield honest if self.lie is None else self.lie(key, honest)

    def _honest(self, key: bytes) -> Iterator[Piece]:
        data = self.cache.contents_by_digest[key]
        for at in range(0, len(data), PIECE):
            yield Piece(key, at, memoryview(data)[at : at + PIECE])


@dataclass
class MemoryCache:
    """A cache that answers from dictionaries. ``log`` is a file with each content that it gave, as
    it is asked in another process."""

    name: str
    log: Path
    known: dict[ObjectId, Head] = field(default_factory=dict)
    contents_by_digest: dict[bytes, bytes] = field(default_factory=dict)
    lies: dict[ObjectId, Lie] = field(default_factory=dict)
    told: dict[ObjectId, Head] = field(default_factory=dict)
    broken: bool = False

    def heads(self, oids: Collection[ObjectId]) -> Mapping[ObjectId, Head]:
        if self.broken:
            raise CacheUnusable(f"{self.name} is silent")
        found = {oid: self.known[oid] for oid in oids if oid in self.known}
        return found | {oid: self.told[oid] for oid in oids if oid in self.told}

    def contents(self, head: Head, digests: Collection[bytes]) -> Sequence[MemoryRun]:
        wanted = sorted(digests)
        lie = self.lies.get(head.manifest.id)
        halves = [wanted[::2], wanted[1::2]]
        sizes = {span.digest: span.size for span in stream(head.manifest)}
        return [MemoryRun(sum(map(sizes.__getitem__, x)), x, self, lie) for x in halves if x]

    def damaged(self) -> Sequence[str]:
        return ()

    def close(self) -> None:
        pass

    def given(self) -> list[str]:
        """The contents that were asked for, in hex."""
        return self.log.read_text().split() if self.log.exists() else []


def head_of(manifest: Manifest, closure: Sequence[ObjectId]) -> Head:
    """A head with frames that fit."""
    size = sum(span.size for span in stream(manifest))
    parts = [min(FRAME_LIMIT, size - at) for at in range(0, size, FRAME_LIMIT)]
    frames = tuple(PackFrame(part, part) for part in parts)
    return Head(
        manifest=manifest,
        closure=tuple(sorted(closure)),
        pack_digest=digest.file_digest(b"pack"),
        frames=frames,
    )


class Origin:
    """The store that the objects were made in."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.store = Store.open(str(place / "origin"))

    def add(self, name: str, files: Mapping[str, bytes], *needs: ObjectId) -> ObjectId:
        """An object that refers to others by a file that names them, if there are any."""
        tree = self.place / "tree"
        refs = {"needs": "\n".join(oid.path for oid in needs).encode()} if needs else {}
        for path, data in {**files, **refs}.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(data)
        (tree / "run").write_bytes(b"#!/bin/sh\n")
        (tree / "run").chmod(0o755)
        (tree / "link").symlink_to("run")
        manifest = ingest(self.store.layout.root, str(tree), name, candidates=needs)
        self.store.objects.register([manifest])
        shutil.rmtree(tree)
        return manifest.id

    def add_naming_itself(self, name: str, *needs: ObjectId) -> ObjectId:
        """An object that has its own path in a small file, a large one and a link."""
        scratch = identity.scratch(name, "out")
        tree = self.place / "tree"
        tree.mkdir()
        text = scratch.path.encode() + b"".join(oid.path.encode() for oid in needs)
        (tree / "small").write_bytes(text)
        (tree / "large").write_bytes(b"0" * (PIECE - 20) + text + b"1" * 2_000_000)
        (tree / "plain").write_bytes(b"nothing of it")
        (tree / "link").symlink_to(f"{scratch.path}/small")
        made = ingest_outputs(self.store.layout.root, {scratch: str(tree)}, candidates=needs)
        self.store.objects.register(made.values())
        shutil.rmtree(tree)
        return made[scratch].id

    def head(self, oid: ObjectId) -> Head:
        closure = [other for other in self.store.objects.closure([oid]) if other != oid]
        return head_of(self.store.objects.manifest(oid), closure)

    def cache(self, *oids: ObjectId, name: str = "memory:one") -> MemoryCache:
        """A cache of the objects, with all that they refer to."""
        made = MemoryCache(name, self.place / f"{name.partition(':')[2]}.log")
        for oid in self.store.objects.closure(oids):
            made.known[oid] = self.head(oid)
            top = Path(self.store.layout.object(oid))
            for path in [top] if top.is_file() else [x for x in top.rglob("*") if x.is_file()]:
                if not path.is_symlink():
                    data = path.read_bytes()
                    made.contents_by_digest[digest.file_digest(data)] = data
        return made


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    made = Origin(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Store]:
    """The store that pulls; in the end nothing in it is damaged or left over."""
    made = Store.open(str(tmp_path / "own"))
    yield made
    found: list[str] = []
    Verifier(made, lambda finding: found.append(str(finding)), contents=True).run()
    assert found == []
    assert list(Path(made.layout.partial).iterdir()) == []
    made.close()


def replaced(head: Head, **change: object) -> Head:
    """A head whose manifest has other fields."""
    return dataclasses.replace(head, manifest=dataclasses.replace(head.manifest, **change))  # type: ignore[arg-type]
