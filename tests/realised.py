"""Realisations in a store without a build: objects with a given content."""

from __future__ import annotations

from pathlib import Path

from store.local.store import Store
from store.model.derivation import Resolved, Source
from store.model.names import ObjectId, object_name
from store.model.result import Made, Result
from store.objects.ingest import ingest


def realised(
    store: Store,
    value: Source | Resolved,
    node: bytes,
    content: str,
    *,
    level: str = "full",
    started: int = 1,
) -> dict[str, ObjectId]:
    """Register objects with this content, and no references, as what the node came out as."""
    outputs = []
    for output in value.outputs:
        path = Path(store.layout.tmp, "made")
        path.write_text(f"{content} {output}")
        manifest = ingest(store.layout.root, str(path), object_name(value.name, output))
        path.unlink()
        outputs.append(Made(output, manifest.id, (), False, manifest.size))
    result = Result(tuple(outputs), level, started, 1.0)
    store.realisations.register(node, value.digest, value, result)
    return {each.output: each.id for each in outputs}
