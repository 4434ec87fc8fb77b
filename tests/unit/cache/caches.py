"""Caches in folders, written by hand: one object with contents that lie across frames."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from store import digest
from store.cache import file_names, zstd
from store.cache.head import Head, PackFrame, stream
from store.model import identity
from store.model.file_tree import Directory, file
from store.model.manifest import Manifest
from store.model.names import ObjectId


def contents(*sizes: int) -> list[bytes]:
    """Distinct contents of these sizes that do not compress."""
    return [random.Random(number).randbytes(size) for number, size in enumerate(sizes)]


def manifest_of(
    name: str, datas: Sequence[bytes], references: tuple[ObjectId, ...] = ()
) -> Manifest:
    """An object with a file for each of the contents, in their order."""
    nodes = [file(digest.file_digest(data), len(data)) for data in datas]
    top = Directory(tuple((b"%04d" % number, node) for number, node in enumerate(nodes)))
    oid = identity.object_id(name, top.node().digest(), references, False)
    return Manifest(oid, references, False, top.node(), {top.node().payload: top})


def head_and_pack(
    manifest: Manifest, datas: Sequence[bytes], cuts: Sequence[int]
) -> tuple[Head, bytes]:
    """The head and pack of an object whose stream is cut into frames of these sizes."""
    by_digest = {digest.file_digest(data): data for data in datas}
    whole = b"".join(by_digest[span.digest] for span in stream(manifest))
    frames, pack, at = [], b"", 0
    for cut in cuts:
        packed = zstd.compress(whole[at : at + cut])
        frames.append(PackFrame(len(packed), len(whole[at : at + cut])))
        pack += packed
        at += cut
    return Head(
        manifest=manifest,
        closure=manifest.references,
        pack_digest=digest.file_digest(pack),
        frames=tuple(frames),
    ), pack


def write_cache(top: Path, *objects: tuple[Head, bytes]) -> None:
    """A cache of these objects."""
    put(top, file_names.MARKER, file_names.VERSION)
    for head, pack in objects:
        put(top, file_names.head(head.manifest.id), zstd.compress(head.encode()))
        put(top, file_names.pack(head.manifest.id), pack)


def put(top: Path, name: str, data: bytes) -> None:
    """Write a file of a cache."""
    path = top / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
