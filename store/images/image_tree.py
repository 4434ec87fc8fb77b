"""The tree of an image: folders, files and links, with modes and the places of their bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from store.display import quoted
from store.errors import FormatError
from store.model.image_request import LONGEST_NAME, LONGEST_TARGET

MTIME = 1
"""The time of everything in an image, as of everything in a store: seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A regular file of ``size`` bytes, which are ``source``, or those of the file at that path.

    Files with the same ``content`` and mode are equal, and may become one with several names; one
    without a content is never shared.
    """

    mode: int
    size: int
    source: bytes | str
    content: bytes | None = None

    @classmethod
    def of(cls, data: bytes, mode: int = 0o644) -> ImageFile:
        """Return a file that holds ``data``."""
        return cls(mode, len(data), data)


@dataclass(frozen=True, slots=True)
class ImageLink:
    """A symbolic link."""

    target: bytes


@dataclass(slots=True)
class ImageFolder:
    """A folder; ``entries`` by name."""

    mode: int = 0o755
    entries: dict[bytes, ImageNode] = field(default_factory=dict)

    def add(self, path: bytes, node: ImageNode) -> None:
        """Put a node at a path, parts separated by ``/``; folders on the way are made. FormatError
        if something is there already, or in the way."""
        _check(path, node)
        *above, name = path.split(b"/")
        folder = self
        for part in above:
            inner = folder.entries.setdefault(part, ImageFolder())
            if not isinstance(inner, ImageFolder):
                raise _taken(path)
            folder = inner
        if folder.entries.setdefault(name, node) is not node:
            raise _taken(path)

    def lay(self, other: ImageFolder, above: bytes = b"") -> None:
        """Put all that is in another folder here as well; of two folders of one path, the mode of
        the first stays. Files become others with the same bytes, so that a program which writes
        to one changes that alone. FormatError if anything else is there already."""
        for name, node in other.entries.items():
            path = above + name
            if isinstance(node, ImageFile):
                self.add(path, replace(node, content=None))
                continue
            if not isinstance(node, ImageFolder):
                self.add(path, node)
                continue
            if self.get(path) is None:
                self.add(path, ImageFolder(node.mode))
            there = self.get(path)
            if not isinstance(there, ImageFolder):
                raise _taken(path)
            self.lay(node, path + b"/")

    def get(self, path: bytes) -> ImageNode | None:
        """Return the node at a path, if there is one; links are not followed."""
        node: ImageNode | None = self
        for part in path.split(b"/"):
            node = node.entries.get(part) if isinstance(node, ImageFolder) else None
        return node

    def walk(self, above: bytes = b"") -> Iterator[tuple[bytes, ImageNode]]:
        """Yield every node below with its path, folders before their entries, names sorted."""
        stack = [_sorted(self.entries, above)]
        while stack:
            found = next(stack[-1], None)
            if found is None:
                stack.pop()
                continue
            yield found
            path, node = found
            if isinstance(node, ImageFolder):
                stack.append(_sorted(node.entries, path + b"/"))


ImageNode: TypeAlias = ImageFile | ImageLink | ImageFolder
_Walk: TypeAlias = Iterator[tuple[bytes, ImageNode]]


def _sorted(entries: Mapping[bytes, ImageNode], above: bytes) -> _Walk:
    return iter([(above + name, entries[name]) for name in sorted(entries)])


def _check(path: bytes, node: ImageNode) -> None:
    for part in path.split(b"/"):
        if part in (b"", b".", b"..") or b"\0" in part or len(part) > LONGEST_NAME:
            raise FormatError(f"{_shown(path)} cannot be a path in an image")
    if isinstance(node, ImageLink):
        size = len(node.target)
        if not 0 < size <= LONGEST_TARGET or b"\0" in node.target:
            raise FormatError(f"{_shown(path)} is a link without a proper target")


def _taken(path: bytes) -> FormatError:
    return FormatError(f"{_shown(path)} is there twice, or below something that is no folder")


def _shown(path: bytes) -> str:
    return quoted(path.decode("utf-8", "surrogateescape"))
