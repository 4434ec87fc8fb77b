"""The files of an object, by their contents, for other objects to share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from store.model.file_tree import Node, NodeKind
from store.model.manifest import Manifest
from store.model.raw_manifest import RawManifest

_SIZE = 15
_FILE = int(NodeKind.FILE)  # a plain number is compared faster


Told = tuple[str, bytes, list[tuple[bytes, bytes]]]
"""An object's ``<digest>-<name>``, its digest, and its contents with their paths."""


class ContentHolders(Protocol):
    """The places of equal content. It may be wrong: a file is checked before it is shared."""

    def find(self, content: bytes, most: int = 4) -> list[bytes]:
        """Return files that should have the content, as paths below the store directory."""

    def tell(self, name: str, digest: bytes, pairs: list[tuple[bytes, bytes]]) -> None:
        """Keep where the object ``<digest>-<name>`` has its files."""

    def close(self) -> None:
        """Close the open files, as this process is about to be forked."""


class NoHolders:
    """Nothing is shared with other objects."""

    def find(self, content: bytes, most: int = 4) -> list[bytes]:
        """Return None."""
        return []

    def tell(self, name: str, digest: bytes, pairs: list[tuple[bytes, bytes]]) -> None:
        """Keep nothing."""

    def close(self) -> None:
        """Do nothing: nothing is open."""


def content_of(payload: bytes, executable: bool) -> bytes:
    """Return the key of equal files, in 16 bytes: a sharer compares all of their bytes."""
    return payload[:_SIZE] + (b"\1" if executable else b"\0")


def contents(manifest: Manifest) -> list[tuple[bytes, bytes]]:
    """Return each content that the object has, ascending, with the least of the paths of its
    files."""
    found: dict[bytes, bytes] = {}
    for path, node in files(manifest):
        content = node.payload[:_SIZE] + (b"\1" if node.executable else b"\0")
        if found.setdefault(content, path) > path:
            found[content] = path
    return sorted(found.items())


def outline_contents(outline: RawManifest) -> list[tuple[bytes, bytes]]:
    """Act as :func:`contents`, of an outline."""
    kind, executable, _, payload = outline.top
    if kind == _FILE:
        return [(content_of(payload, executable), b"")]
    found: dict[bytes, bytes] = {}
    for folder, entries in outline.folders(b""):
        for name, kind, executable, _, payload in entries:
            if kind == _FILE:
                path = (b"%b/%b" % (folder, name))[1:]
                content = payload[:_SIZE] + (b"\1" if executable else b"\0")
                if found.setdefault(content, path) > path:
                    found[content] = path
    return sorted(found.items())


def files(manifest: Manifest) -> Iterator[tuple[bytes, Node]]:
    """Yield each file of an object, with its path there; b"" for an object that is one."""
    if manifest.root.kind is NodeKind.FILE:
        yield b"", manifest.root
    if manifest.root.kind is not NodeKind.DIRECTORY:
        return
    stack = [(b"", manifest.root.payload)]
    while stack:
        above, payload = stack.pop()
        for name, node in manifest.directories[payload].entries:
            if node.kind is NodeKind.FILE:
                yield above + name, node
            elif node.kind is NodeKind.DIRECTORY:
                stack.append((b"%b%b/" % (above, name), node.payload))
