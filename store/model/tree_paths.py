"""Paths in an object's tree: looked up and listed by its manifest, which has no way out of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from store.display import printable, quoted
from store.errors import UnknownObject
from store.model.file_tree import Node, NodeKind
from store.model.manifest import Manifest

MOST_LINKS: Final = 40
"""Links that one path may lead through, as for the kernel."""


class TreePath(NamedTuple):
    """``path`` is relative to the object, ``b""`` for the object itself, and leads through no
    link."""

    path: bytes
    node: Node

    @property
    def name(self) -> bytes:
        """The last part of the path."""
        return self.path.rpartition(b"/")[2]


def find(manifest: Manifest, path: bytes, *, follow: bool) -> TreePath:
    """Return what ``path`` means below an object. Links on the way are followed inside the object,
    and with ``follow`` one at its end, too. Raises UnknownObject for ``..``, for a link that leads
    elsewhere, and where nothing is."""
    if b".." in path.split(b"/"):
        raise UnknownObject(f"{quoted(path)} is no path below an object: it holds ..")
    todo = _parts(path)[::-1]
    here = [TreePath(b"", manifest.root)]
    links = 0
    while True:
        if here[-1].node.kind is NodeKind.LINK and (todo or follow):
            links += 1
            if links > MOST_LINKS:
                raise UnknownObject(f"{quoted(path)} in {manifest.id} leads through too many links")
            link = here.pop()
            todo += _target(manifest, link)[::-1]
            if link.node.payload.startswith(b"/"):
                del here[1:]
                here = here or [TreePath(b"", manifest.root)]
        elif not todo:
            return here[-1]
        elif (part := todo.pop()) == b"..":
            here.pop()
            if not here:
                raise UnknownObject(f"{quoted(path)} leads out of {manifest.id}")
        else:
            here.append(_entry(manifest, here[-1], part))


def below(manifest: Manifest, top: TreePath, *, recursive: bool = False) -> Iterator[TreePath]:
    """Yield the entries of a folder by name; with ``recursive``, each folder's after itself."""
    stack = _entries(manifest, top)[::-1]
    while stack:
        entry = stack.pop()
        yield entry
        if recursive and entry.node.kind is NodeKind.DIRECTORY:
            stack += _entries(manifest, entry)[::-1]


def _entries(manifest: Manifest, folder: TreePath) -> list[TreePath]:
    prefix = folder.path + b"/" if folder.path else b""
    entries = manifest.directories[folder.node.payload].entries
    return [TreePath(prefix + name, node) for name, node in entries]


def _entry(manifest: Manifest, folder: TreePath, part: bytes) -> TreePath:
    if folder.node.kind is NodeKind.DIRECTORY:
        for name, node in manifest.directories[folder.node.payload].entries:
            if name == part:
                return TreePath(folder.path + b"/" + name if folder.path else name, node)
    shown = folder.path + b"/" + part if folder.path else part
    is_folder = folder.node.kind is NodeKind.DIRECTORY
    why = "has no" if is_folder else "has no folder for"
    there = folder.path if is_folder else folder.path.rpartition(b"/")[0]
    within = "/" + printable(there.decode("utf-8", "surrogateescape")) if there else ""
    raise UnknownObject(
        f"{manifest.id} {why} {quoted(shown)}",
        hint=f"`store ls {manifest.id}{within}` lists the files there",
    )


def _target(manifest: Manifest, link: TreePath) -> list[bytes]:
    """Return the parts of a link's target, below the object if it is absolute."""
    target, own = link.node.payload, manifest.id.path.encode()
    if not target.startswith(b"/"):
        if link.path:
            return _parts(target)
    elif target == own or target.startswith(own + b"/"):
        return _parts(target[len(own) :])
    raise UnknownObject(
        f"{quoted(link.path or str(manifest.id))} is a link that leads out of {manifest.id}, "
        f"to {quoted(target)}"
    )


def _parts(path: bytes) -> list[bytes]:
    return [part for part in path.split(b"/") if part not in (b"", b".")]
