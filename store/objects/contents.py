"""What of an object other objects can share: its files by their contents."""

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
    """Says where equal content stands. It may be wrong: what is shared is looked at before."""

    def find(self, content: bytes, most: int = 4) -> list[bytes]:
        """Return files that should have the content, as paths below the store directory."""

    def tell(self, name: str, digest: bytes, pairs: list[tuple[bytes, bytes]]) -> None:
        """Keep where the object ``<digest>-<name>`` has its files."""

    def close(self) -> None:
        """Let go of what was opened, as this process is about to be forked."""


class NoHolders:
    """Nothing is shared with other objects."""

    def find(self, content: bytes, most: int = 4) -> list[bytes]:
        """None."""
        return []

    def tell(self, name: str, digest: bytes, pairs: list[tuple[bytes, bytes]]) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is open."""


def content_of(payload: bytes, executable: bool) -> bytes:
    """What equal files have in common, in 16 bytes: whoever shares by it compares all of them."""
    return payload[:_SIZE] + (b"\1" if executable else b"\0")


def contents(manifest: Manifest) -> list[tuple[bytes, bytes]]:
    """Return each content that the object has, ascending, with the least of the paths of its
    files."""
    found: dict[bytes, bytes] = {}
    for path, node in _files(manifest):
        content = node.payload[:_SIZE] + (b"\1" if node.executable else b"\0")
        if found.setdefault(content, path) > path:
            found[content] = path
    return sorted(found.items())


def outline_contents(outline: RawManifest) -> list[tuple[bytes, bytes]]:
    """As :func:`contents`, of an outline."""
    root = outline.root
    if root.kind is NodeKind.FILE:
        return [(content_of(root.payload, root.executable), b"")]
    found: dict[bytes, bytes] = {}
    for folder, entries in outline.folders(b""):
        for name, kind, executable, _, payload in entries:
            if kind == _FILE:
                path = (b"%b/%b" % (folder, name))[1:]
                content = payload[:_SIZE] + (b"\1" if executable else b"\0")
                if found.setdefault(content, path) > path:
                    found[content] = path
    return sorted(found.items())


def _files(manifest: Manifest) -> Iterator[tuple[bytes, Node]]:
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
