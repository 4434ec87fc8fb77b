"""Realisations in a store without a build: objects with a given content."""

from __future__ import annotations

import tempfile
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
    inside: str = "",
    level: str = "full",
    started: int = 1,
) -> dict[str, ObjectId]:
    """Register objects with this content, and no references, as what the node came out as: files,
    or folders that have it in a file ``inside``."""
    outputs = []
    for output in value.outputs:
        with tempfile.TemporaryDirectory(dir=store.layout.tmp) as made:
            file = Path(made, "out", inside)
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"{content} {output}")
            name = object_name(value.name, output)
            manifest = ingest(store.layout.root, f"{made}/out", name)
        outputs.append(Made(output, manifest.id, (), False, manifest.size))
    result = Result(tuple(outputs), level, started, 1.0)
    store.realisations.register(node, value.digest, value, result)
    return {each.output: each.id for each in outputs}
