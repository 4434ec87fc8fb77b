"""Comparing two objects by their manifests, and their files where the manifests differ.

An object's own digest stands for itself: where the two name themselves, they say the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import FileIO

from store.audit.explain import DEEPEST, Place, explain
from store.digest import TEXT_SIZE
from store.display import quoted
from store.errors import FormatError, InvalidName
from store.layout.paths import Layout
from store.model.file_tree import Node, NodeKind
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.verdict import Difference
from store.objects.content import read_record, replacing
from store.system.beneath import open_file_beneath, opened

EXPLAINED = 200
"""The most files of one object whose differences are explained; of more it is only said that they
differ."""

ITSELF = b"this-object".ljust(TEXT_SIZE, b"-")
"""The text in place of an object's own digest while it is compared; printable, as that is."""

LARGEST = 64 << 20
"""Bytes of the largest file that is explained. The two that are compared are in memory; of larger
ones, only the first byte that differs is looked for."""

MOST = 10_000
"""Differences that are listed, and"""
MOST_TEXT = 4 << 20
"""characters of their paths and details."""

_TARGET = 200
"""Bytes of a link's target that are shown."""

_PIECE = 1 << 20


@dataclass(frozen=True)
class ObjectTree:
    """An object on disk."""

    path: str
    manifest: Manifest

    @classmethod
    def load(cls, root: str, oid: ObjectId) -> ObjectTree | None:
        """Return the object of the store at ``root``; None if it, or its manifest, is not whole
        there."""
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


def compare(expected: ObjectTree, actual: ObjectTree) -> tuple[Difference, ...]:
    """Return every difference, by path, up to :data:`MOST`; the top's path is ``.``."""
    found = tuple(_first(_Comparison(expected, actual).run()))
    if not found and expected.manifest.id != actual.manifest.id:
        # Such as the one's own digest, written into both: in the other it is just some text.
        same = "the same bytes, but they name the one object itself, and not the other"
        return (Difference(".", "content", detail=same),)
    return found


def _first(run: Iterator[Difference]) -> Iterator[Difference]:
    """Yield as many as are listed; the last one says that there are more."""
    left = MOST_TEXT
    for number, difference in enumerate(run):
        if number == MOST or left < 0:
            yield Difference(".", "content", detail=f"more than these {number} differ")
            return
        left -= len(difference.path) + len(difference.detail)
        yield difference


def explained(
    root: str, expected: ObjectId, other_root: str, actual: ObjectId
) -> tuple[Difference, ...]:
    """Return the differences between objects of two stores; empty when one of them is not there."""
    one, other = ObjectTree.load(root, expected), ObjectTree.load(other_root, actual)
    return compare(one, other) if one is not None and other is not None else ()


class _Comparison:
    def __init__(self, expected: ObjectTree, actual: ObjectTree) -> None:
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
        if self._explained >= EXPLAINED:
            yield Difference(path, kind, detail=sizes)
            return
        self._explained += 1
        look = _place if max(one.size, other.size) <= LARGEST else _first_difference
        try:
            place = self._look(path, look)
        except OSError as error:
            yield Difference(path, kind, detail=f"cannot be read: {error.strerror}")
            return
        if place is not None:
            detail = "; ".join(filter(None, (sizes, place.detail)))
            yield Difference(path, kind, place.offset, place.name, detail)

    def _look(self, path: str, look: _Look) -> Place | None:
        with (
            os.fdopen(_open(self._expected, path), "rb", buffering=0) as ours,
            os.fdopen(_open(self._actual, path), "rb", buffering=0) as theirs,
        ):
            return look(ours, self._expected.own, theirs, self._actual.own)


def _open(tree: ObjectTree, path: str) -> int:
    store, name = os.path.split(tree.path)
    with opened(store) as folder:
        return open_file_beneath(folder, name if path == "." else f"{name}/{path}")


def _place(one: FileIO, own: bytes, other: FileIO, its_own: bytes) -> Place | None:
    """Return the place of the first difference; None when there is none but the objects' own
    digests."""
    return explain(_read(one, own), _read(other, its_own))


def _read(stream: FileIO, own: bytes) -> bytearray:
    """Return the file, with a word for the object's own digest."""
    data = bytearray(min(os.fstat(stream.fileno()).st_size, LARGEST))
    view, size = memoryview(data), 0
    while read := stream.readinto(view[size:]):
        size += read
    del view
    del data[size:]
    _replace(data, own)
    return data


def _first_difference(one: FileIO, own: bytes, other: FileIO, its_own: bytes) -> Place | None:
    """Find the place as :func:`_place`, in little memory and without a name for it."""
    left, right = _parts(one, own), _parts(other, its_own)
    ours = theirs = b""
    start = 0
    while True:
        ours, theirs = ours or next(left, b""), theirs or next(right, b"")
        size = min(len(ours), len(theirs)) or max(len(ours), len(theirs))
        if size == 0:
            return None
        place = explain(ours[:size], theirs[:size], DEEPEST)
        if place is not None:
            return Place(start + place.offset, "", place.detail if not place.name else "")
        ours, theirs, start = ours[size:], theirs[size:], start + size


def _parts(stream: FileIO, own: bytes) -> Iterator[bytes]:
    return filter(None, (part.data for part in replacing(stream.fileno(), {own: ITSELF})))


_Look = Callable[[FileIO, bytes, FileIO, bytes], Place | None]


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
