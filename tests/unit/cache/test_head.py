"""Heads: their contents, the order of a stream, and heads that are refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from store import digest
from store.cache.head import ContentSpan, Head, PackFrame, stream
from store.errors import FormatError
from store.model import identity
from store.model.file_tree import Directory, file, link
from store.model.manifest import Manifest
from store.model.names import ObjectId

DATA = [bytes([number]) * (number + 1) * 1000 for number in range(5)]
NODES = [file(digest.file_digest(data), len(data)) for data in DATA]
OTHER = ObjectId(b"o" * 20, "musl-1.2.5")
FAR = ObjectId(b"p" * 20, "linux-headers-6.12")


def manifest() -> Manifest:
    """Two folders of one content, an empty file, a link, and one content at two places."""
    inner = Directory(((b"a", NODES[1]), (b"z", NODES[0])))
    top = Directory(
        (
            (b"A", inner.node()),
            (b"B", inner.node()),
            (b"b", NODES[3]),
            (b"empty", file(digest.file_digest(b""), 0)),
            (b"link", link(b"b")),
            (b"z", NODES[2]),
        )
    )
    directories = {item.node().payload: item for item in (inner, top)}
    oid = identity.object_id("tree", top.node().digest(), (OTHER,), False)
    return Manifest(oid, (OTHER,), False, top.node(), directories)


def head() -> Head:
    """Three frames that do not end where contents do."""
    return Head(
        manifest=manifest(),
        closure=tuple(sorted((OTHER, FAR))),
        pack_digest=digest.file_digest(b"pack"),
        frames=(PackFrame(50, 4000), PackFrame(60, 3500), PackFrame(70, 2500)),
    )


def test_a_head_comes_back_as_it_was_written() -> None:
    assert Head.decode(head().encode()) == head()
    assert head().packed_size == 180


def test_the_stream_has_files_before_folders_and_each_once() -> None:
    spans = stream(manifest())
    assert spans == [
        ContentSpan(NODES[3].payload, 0, 4000),
        ContentSpan(NODES[2].payload, 4000, 3000),
        ContentSpan(NODES[1].payload, 7000, 2000),
        ContentSpan(NODES[0].payload, 9000, 1000),
    ]


def test_an_object_that_is_a_file_is_its_own_stream() -> None:
    oid = identity.object_id("one", NODES[0].digest(), (), False)
    assert stream(Manifest(oid, (), False, NODES[0], {})) == [
        ContentSpan(NODES[0].payload, 0, 1000)
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"closure": (FAR,)},
        {"closure": (OTHER, FAR)[::-1] if OTHER < FAR else (OTHER, FAR)},
        {"closure": (*sorted((OTHER, FAR)), manifest().id)},
        {"frames": (PackFrame(50, 4000),)},
        {"frames": (PackFrame(50, 5 << 20),)},
        {"frames": (PackFrame(1 << 20, 10_000),)},
        {"frames": (PackFrame(0, 10_000),)},
        {"frames": (PackFrame(9, 10_000), PackFrame(9, 0))},
    ],
)
def test_a_head_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        dataclasses.replace(head(), **change)
