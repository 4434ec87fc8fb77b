"""A store with objects that were made by one derivation."""

from __future__ import annotations

import os
from pathlib import Path

from store.local.store import Store
from store.model.names import ObjectId, object_name
from store.model.result import Made, Result
from store.objects.ingest import ingest
from tests.golden.examples import DERIVATION, RESOLVED

NODE, KEY = DERIVATION.digest, RESOLVED.digest


def made(store: Store, content: str, output: str = "out", name: str = RESOLVED.name) -> Made:
    """An output with this content, which lies in the store."""
    path = f"{store.layout.tmp}/made"
    Path(path).write_text(content)
    manifest = ingest(store.layout.root, path, object_name(name, output))
    os.unlink(path)
    return Made(output, manifest.id, (), False, manifest.size)


def result(*outputs: Made, started: int = 1, seconds: float = 1.5) -> Result:
    """The result of a build with these outputs."""
    return Result(outputs, "full", started, seconds)


def held(store: Store) -> list[tuple[ObjectId, ...]]:
    """The objects of every lease."""
    with store.index.read() as txn:
        return [lease.held for lease in txn.leases.all().values()]
