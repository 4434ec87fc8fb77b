"""One tree of the files of several packages: folders that several have are merged, and the rest is
links into the packages.

It follows from the manifests of the packages' objects alone. Nothing is read from the disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from store.display import quoted
from store.errors import PackageConflict, UsageError
from store.model.file_tree import Node, NodeKind
from store.model.manifest import Manifest
from store.profiles.installed import USUAL_PRIORITY

SHOWN: Final = 5
"""Conflicts that a message names."""


class PackageTree(NamedTuple):
    """The tree of one object. ``name`` is what a user calls the package."""

    name: str
    priority: int
    manifest: Manifest


@dataclass(frozen=True)
class MergedLink:
    """A link in the merged tree. ``node`` is the part of ``tree`` that it leads to."""

    target: bytes
    node: Node
    tree: PackageTree

    def names(self) -> Iterator[tuple[bytes, Node]]:
        """Yield the entries of the folder that it leads to; none if it leads to none."""
        if self.node.kind is NodeKind.DIRECTORY:
            yield from self.tree.manifest.directories[self.node.payload].entries


@dataclass(frozen=True)
class MergedFolder:
    """A folder of the merged tree, with its entries by name."""

    entries: dict[bytes, MergedFolder | MergedLink] = field(default_factory=dict)

    def names(self) -> Iterator[tuple[bytes, Node | None]]:
        """Yield the entries' names, with the nodes of those that lie in one package."""
        for name, entry in self.entries.items():
            yield name, entry.node if isinstance(entry, MergedLink) else None


class _Part(NamedTuple):
    """A file, link or folder of a package, at some path."""

    tree: PackageTree
    node: Node


class _Conflict(NamedTuple):
    path: bytes
    one: str
    other: str

    @property
    def between(self) -> str:
        """The packages in words. Outputs of one have its name, and one priority."""
        if self.one == self.other:
            return f"two outputs of {quoted(self.one)}"
        return f"{quoted(self.one)} and {quoted(self.other)}"


def merge(trees: Sequence[PackageTree]) -> MergedFolder:
    """Return the tree of all of these.

    Where packages differ at a path, the one with the lowest priority is taken. PackageConflict when
    two with the same number do; UsageError for a package that is no folder.
    """
    for tree in trees:
        kind = tree.manifest.root.kind
        if kind is not NodeKind.DIRECTORY:
            what = "link" if kind is NodeKind.LINK else "file"
            raise UsageError(
                f"{tree.manifest.id.path} is a {what}, and a profile is made of folders",
                hint=f"`store root add NAME {tree.manifest.id.path}` keeps it",
            )
    conflicts: list[_Conflict] = []
    merged = _folder(b"", [_Part(tree, tree.manifest.root) for tree in trees], conflicts)
    if conflicts:
        raise _refusal(conflicts)
    return merged


def owner_of(trees: Sequence[PackageTree], name: bytes) -> str:
    """Return the name of the first package that has an entry of this name at its top."""
    return next(
        tree.name
        for tree in trees
        if any(name == entry for entry, _ in _entries(tree.manifest, tree.manifest.root))
    )


def _entries(manifest: Manifest, folder: Node) -> Sequence[tuple[bytes, Node]]:
    return manifest.directories[folder.payload].entries


def _folder(path: bytes, parts: Sequence[_Part], conflicts: list[_Conflict]) -> MergedFolder:
    """Return the folder of all that these folders have."""
    named: dict[bytes, list[_Part]] = {}
    for part in parts:
        for name, node in _entries(part.tree.manifest, part.node):
            named.setdefault(name, []).append(_Part(part.tree, node))
    prefix = path + b"/" if path else b""
    return MergedFolder(
        {name: _entry(prefix + name, named[name], conflicts) for name in sorted(named)}
    )


def _entry(
    path: bytes, parts: Sequence[_Part], conflicts: list[_Conflict]
) -> MergedFolder | MergedLink:
    best = min(part.tree.priority for part in parts)
    first, *others = [part for part in parts if part.tree.priority == best]
    folders = [part for part in parts if part.node.kind is NodeKind.DIRECTORY]
    if first.node.kind is NodeKind.DIRECTORY:
        if all(part.node == first.node for part in folders):
            folders = [first]
        _note_others(path, first, others, conflicts, folders=True)
        return _link(path, first) if len(folders) == 1 else _folder(path, folders, conflicts)
    _note_others(path, first, others, conflicts, folders=False)
    shared = any(part.node == first.node for part in parts if part is not first)
    return _link(path, first, shared=shared)


def _note_others(
    path: bytes,
    first: _Part,
    others: Sequence[_Part],
    conflicts: list[_Conflict],
    *,
    folders: bool,
) -> None:
    """Note each of the others that is not what the first is: a folder, or the same file."""
    for other in others:
        if (other.node.kind is NodeKind.DIRECTORY) if folders else (other.node == first.node):
            continue
        conflicts.append(_Conflict(path, first.tree.name, other.tree.name))


def _link(path: bytes, part: _Part, *, shared: bool = False) -> MergedLink:
    """Return the link to a part. A relative link that several have stays as it is: it leads to the
    merged folder or file, as in each of them."""
    node = part.node
    own = shared and node.kind is NodeKind.LINK and not node.payload.startswith(b"/")
    target = node.payload if own else part.tree.manifest.id.path.encode() + b"/" + path
    return MergedLink(target, node, part.tree)


def _refusal(conflicts: Sequence[_Conflict]) -> PackageConflict:
    lines = [
        f"{each.between} have different files at {quoted(each.path)}" for each in conflicts[:SHOWN]
    ]
    if len(conflicts) > SHOWN:
        lines.append(f"and so at {len(conflicts) - SHOWN} more paths")
    own = next((each.one for each in conflicts if each.one == each.other), None)
    return PackageConflict(
        "\n".join(lines),
        hint=f"install one with `--priority N`: below {USUAL_PRIORITY} it is taken before others, "
        "above it after them"
        if own is None
        else f"no priority settles that: install one output of {own}, as {own}^out",
    )


def executables(merged: MergedFolder, folders: Sequence[bytes]) -> Mapping[bytes, bytes]:
    """Return the names of the programs in these folders of the top, each with its path; of two of
    one name, that in the first folder."""
    found: dict[bytes, bytes] = {}
    for folder in folders:
        entry = merged.entries.get(folder)
        for name, node in entry.names() if entry is not None else ():
            if node is None or node.kind is NodeKind.DIRECTORY:
                continue
            if node.kind is NodeKind.LINK or node.executable:
                found.setdefault(name, folder + b"/" + name)
    return found
