"""Comparing two objects by their manifests, and their files where the manifests differ.

An object's own digest stands for itself: where the two name themselves, they say the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from store.audit.explain import explain
from store.audit.verdict import Difference
from store.digest import TEXT_SIZE
from store.errors import FormatError, InvalidName, quoted
from store.layout import Layout
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.tree import Node, NodeKind
from store.objects.content import read_record
from store.system.beneath import open_file_beneath, opened

EXPLAINED = 200
"""Files of one object that are gone into; of more it is only said that they differ."""

ITSELF = b"this-object".ljust(TEXT_SIZE, b"-")
"""What stands for an object's own digest while it is compared; printable, as that is."""

LARGEST = 512 << 20
"""Bytes of a file that is gone into. The two that are compared are in memory."""

_PIECE = 1 << 20


@dataclass(frozen=True)
class Tree:
    """An object on disk."""

    path: str
    manifest: Manifest

    @classmethod
    def load(cls, root: str, oid: ObjectId) -> Tree | None:
        """The object of the store at ``root``; None if it, or its manifest, is not whole there."""
        layout = Layout(root)
        try:
            manifest = Manifest.decode(read_record(layout.manifest(oid))[0])
        except (OSError, FormatError, InvalidName):
            return None
        path = layout.object(oid)
        return cls(path, manifest) if os.path.lexists(path) else None

    @property
    def own(self) -> bytes:
        """The digest by which it names itself."""
        return self.manifest.id.text.encode()


def compare(expected: Tree, actual: Tree) -> tuple[Difference, ...]:
    """Every difference, by path; the top's path is ``.``."""
    found = tuple(_Comparison(expected, actual).run())
    if not found and expected.manifest.id != actual.manifest.id:
        # Such as the one's own digest, written into both: in the other it is just some text.
        same = "the same bytes, of which the one names itself with what the other does not"
        return (Difference(".", "content", detail=same),)
    return found


def explained(
    root: str, expected: ObjectId, other_root: str, actual: ObjectId
) -> tuple[Difference, ...]:
    """The differences between objects of two stores; empty when one of them is not there."""
    one, other = Tree.load(root, expected), Tree.load(other_root, actual)
    return compare(one, other) if one is not None and other is not None else ()


class _Comparison:
    def __init__(self, expected: Tree, actual: Tree) -> None:
        self._expected = expected
        self._actual = actual
        self._explained = 0

    def run(self) -> Iterator[Difference]:
        return self._nodes(".", self._expected.manifest.root, self._actual.manifest.root)

    def _nodes(self, path: str, one: Node, other: Node) -> Iterator[Difference]:
        if one == other:
            return
        if one.kind is not other.kind:
            yield Difference(path, "kind", detail=f"{_kind(one)} / {_kind(other)}")
        elif one.kind is NodeKind.DIRECTORY:
            yield from self._directories(path, one, other)
        elif one.kind is NodeKind.LINK:
            yield from self._links(path, one, other)
        else:
            yield from self._files(path, one, other)

    def _directories(self, path: str, one: Node, other: Node) -> Iterator[Difference]:
        ours = dict(self._expected.manifest.directories[one.payload].entries)
        theirs = dict(self._actual.manifest.directories[other.payload].entries)
        for name in sorted(ours.keys() | theirs.keys()):
            below = _join(path, name)
            if name not in theirs:
                yield Difference(below, "missing", detail=_kind(ours[name]))
            elif name not in ours:
                yield Difference(below, "extra", detail=_kind(theirs[name]))
            else:
                yield from self._nodes(below, ours[name], theirs[name])

    def _links(self, path: str, one: Node, other: Node) -> Iterator[Difference]:
        ours = one.payload.replace(self._expected.own, ITSELF)
        theirs = other.payload.replace(self._actual.own, ITSELF)
        if ours != theirs:
            shown = f"{quoted(os.fsdecode(one.payload))} / {quoted(os.fsdecode(other.payload))}"
            yield Difference(path, "link", detail=shown)

    def _files(self, path: str, one: Node, other: Node) -> Iterator[Difference]:
        if one.executable != other.executable:
            bits = ("not executable", "executable")
            yield Difference(
                path, "mode", detail=f"{bits[one.executable]} / {bits[other.executable]}"
            )
        if one.payload != other.payload:
            yield from self._contents(path, one, other)

    def _contents(self, path: str, one: Node, other: Node) -> Iterator[Difference]:
        kind = "content" if one.size == other.size else "size"
        sizes = "" if one.size == other.size else f"{one.size} bytes / {other.size} bytes"
        if self._explained >= EXPLAINED or max(one.size, other.size) > LARGEST:
            yield Difference(path, kind, detail=sizes)
            return
        self._explained += 1
        try:
            ours, theirs = self._read(self._expected, path), self._read(self._actual, path)
        except OSError as error:
            yield Difference(path, kind, detail=f"cannot be read: {error.strerror}")
            return
        place = explain(ours, theirs)
        if place is not None:
            detail = "; ".join(filter(None, (sizes, place.detail)))
            yield Difference(path, kind, place.offset, place.name, detail)

    @staticmethod
    def _read(tree: Tree, path: str) -> bytearray:
        """The file, with a word for the object's own digest."""
        store, name = os.path.split(tree.path)
        with opened(store) as folder:
            fd = open_file_beneath(folder, name if path == "." else f"{name}/{path}")
        with os.fdopen(fd, "rb", buffering=0) as stream:
            data = bytearray(min(os.fstat(stream.fileno()).st_size, LARGEST))
            view, size = memoryview(data), 0
            while read := stream.readinto(view[size:]):
                size += read
        del view
        del data[size:]
        _replace(data, tree.own)
        return data


def _replace(data: bytearray, own: bytes) -> None:
    """Put :data:`ITSELF` in the places of ``own``, a piece at a time."""
    for start in range(0, len(data), _PIECE):
        # As many bytes more as a digest can reach into the next piece.
        piece = data[start : start + _PIECE + TEXT_SIZE - 1]
        if own in piece:
            data[start : start + len(piece)] = piece.replace(own, ITSELF)


def _join(path: str, name: bytes) -> str:
    shown = os.fsdecode(name)
    return shown if path == "." else f"{path}/{shown}"


def _kind(node: Node) -> str:
    return {
        NodeKind.DIRECTORY: "a folder",
        NodeKind.FILE: "a file",
        NodeKind.LINK: f"a link to {quoted(os.fsdecode(node.payload))}",
    }[node.kind]
