"""Comparing an object on disk with its manifest: every difference is a finding."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from store.layout.paths import Layout
from store.model import identity
from store.model.file_tree import Directory, Node, NodeKind
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects.content import file_digest
from store.objects.presence import MTIME_NS
from store.objects.sharing import mode_of
from store.objects.staged import blanked_file, blanked_link
from store.system import longpath


@dataclass(frozen=True)
class ObjectFault:
    """Something wrong. ``kind`` is one of missing, extra, kind, mode, mtime, content, identity."""

    kind: str
    path: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.path}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that was looked at and not read: its bytes should have the digest ``expected``."""

    path: str
    expected: bytes
    inode: int
    size: int
    links: int


def check_object(root: str, manifest: Manifest) -> list[ObjectFault]:
    """Return all that is wrong with an object: its tree against the manifest, that against its
    name."""
    path = Layout(root).object(manifest.id)
    findings = check_tree(path, manifest)
    if not findings:
        findings += check_identity(path, manifest)
    return findings


def check_identity(path: str, manifest: Manifest) -> list[ObjectFault]:
    """Return whether the tree at ``path``, which is as the manifest says, is the manifest's
    object."""
    try:
        if identify(path, manifest) == manifest.id:
            return []
        detail = "the manifest belongs to another object"
    except OSError as error:
        detail = f"cannot be read: {error.strerror}"
    return [ObjectFault("identity", path, detail)]


def check_tree(
    path: str, manifest: Manifest, unread: Callable[[Unread], object] | None = None
) -> list[ObjectFault]:
    """Yield differences between the tree at ``path`` and the manifest's.

    With ``unread``, files are not read but handed to it. All files and folders should belong to the
    owner of the folder of ``path``.
    """
    walk = _Walk(manifest.directories, unread, owner_of(os.path.dirname(path)))
    walk.check(path, manifest.root)
    return walk.findings


def owner_of(folder: str) -> int | None:
    """Return the user who should own all below a store's folder; None when it is missing."""
    try:
        return os.stat(folder).st_uid
    except OSError:
        return None


class _Walk:
    def __init__(
        self,
        directories: dict[bytes, Directory],
        unread: Callable[[Unread], object] | None,
        owner: int | None,
    ) -> None:
        self._directories = directories
        self._unread = unread
        self._owner = owner
        self.findings: list[ObjectFault] = []

    def _find(self, kind: str, path: str, detail: str = "") -> None:
        self.findings.append(ObjectFault(kind, path, detail))

    def check(self, path: str, node: Node) -> None:
        try:
            self._compare(path, node)
        except FileNotFoundError:
            self._find("missing", path)
        except OSError as error:
            self._find("content", path, f"cannot be read: {error.strerror}")

    def _compare(self, path: str, node: Node) -> None:
        found = longpath.lstat(path)
        if stat.S_IFMT(found.st_mode) != _FORMATS[node.kind]:
            self._find("kind", path, f"not a {node.kind.name.lower()}")
            return
        if node.kind is NodeKind.LINK:
            target = longpath.readlink(path)
            if target != node.payload:
                self._find("content", path, f"points to {os.fsdecode(target)}")
            return
        expected = _mode(node)
        if found.st_mode & 0o7777 != expected:
            self._find("mode", path, f"{found.st_mode & 0o7777:04o} instead of {expected:04o}")
        if found.st_uid != self._owner:
            # Its owner could give it another mode, and then other bytes.
            self._find("mode", path, f"belongs to user {found.st_uid}, not to {self._owner}")
        if found.st_mtime_ns != MTIME_NS:
            self._find("mtime", path, "changed since it was stored")
        if node.kind is NodeKind.FILE:
            self._file(path, node, found)
        else:
            self._folder(path, self._directories[node.payload])

    def _file(self, path: str, node: Node, found: os.stat_result) -> None:
        if found.st_size != node.size:
            self._find("content", path, f"{found.st_size} bytes instead of {node.size}")
        elif self._unread is not None:
            unread = Unread(path, node.payload, found.st_ino, found.st_size, found.st_nlink)
            self._unread(unread)
        elif file_digest(path) != node.payload:
            self._find("content", path, "its digest differs")

    def _folder(self, path: str, directory: Directory) -> None:
        entries = {os.fsdecode(name): below for name, below in directory.entries}
        for name in sorted(set(longpath.listdir(path)) - entries.keys()):
            self._find("extra", f"{path}/{name}")
        for name, below in entries.items():
            self.check(f"{path}/{name}", below)


def differs(staged: str, path: str, manifest: Manifest) -> bool:
    """Return whether the object at ``path`` is another than the copy at ``staged``, which the
    manifest describes. Files that both have by hard link are not read: taking the copy would mend
    nothing of them. The copy's top folder has not got its final mode yet."""
    try:
        return _differs(staged, path, manifest.root, manifest.directories)
    except OSError:
        return True


def _differs(staged: str, path: str, node: Node, directories: dict[bytes, Directory]) -> bool:
    found = longpath.lstat(path)
    if stat.S_IFMT(found.st_mode) != _FORMATS[node.kind]:
        return True
    if node.kind is NodeKind.LINK:
        return longpath.readlink(path) != node.payload
    if found.st_mode & 0o7777 != _mode(node) or found.st_mtime_ns != MTIME_NS:
        return True
    if found.st_uid != os.geteuid():
        return True
    if node.kind is NodeKind.FILE:
        same = longpath.samefile(staged, found)
        return not same and (found.st_size != node.size or file_digest(path) != node.payload)
    entries = directories[node.payload].entries
    names = [os.fsdecode(name) for name, _ in entries]
    return sorted(longpath.listdir(path)) != sorted(names) or any(
        _differs(f"{staged}/{name}", f"{path}/{name}", below, directories)
        for name, (_, below) in zip(names, entries, strict=True)
    )


def _mode(node: Node) -> int:
    return 0o555 if node.kind is NodeKind.DIRECTORY else mode_of(node.executable)


_FORMATS = {
    NodeKind.DIRECTORY: stat.S_IFDIR,
    NodeKind.FILE: stat.S_IFREG,
    NodeKind.LINK: stat.S_IFLNK,
}


def identify(path: str, manifest: Manifest) -> ObjectId:
    """Return the identity of the tree at ``path``, taken modulo the manifest's digest."""
    if manifest.refers_to_itself:
        blanked = _blanked(path, manifest.root, manifest)
    else:
        blanked = manifest.root
    return identity.object_id(
        manifest.id.name, blanked.digest(), manifest.references, manifest.refers_to_itself
    )


def _blanked(path: str, node: Node, manifest: Manifest) -> Node:
    if node.kind is NodeKind.LINK:
        return blanked_link(node.payload, manifest.id.text.encode())
    if node.kind is NodeKind.DIRECTORY:
        entries = manifest.directories[node.payload].entries
        below = (
            (name, _blanked(f"{path}/{os.fsdecode(name)}", x, manifest)) for name, x in entries
        )
        return Directory(tuple(below)).node()
    fd = longpath.open_at(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return blanked_file(fd, node, manifest.id.text.encode())
    finally:
        os.close(fd)
