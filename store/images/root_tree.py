"""A system's root: objects under ``/store``, their programs in ``/bin``, and the usual folders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from store.display import quoted
from store.errors import FormatError
from store.images.image_tree import ImageFile, ImageFolder, ImageLink, ImageNode
from store.model.image_request import OWN_FOLDERS

_FOLDERS = {
    b"dev": 0o755,
    b"etc": 0o755,
    b"proc": 0o555,
    b"root": 0o700,
    b"run": 0o755,
    b"sys": 0o555,
    b"tmp": 0o1777,
    b"var": 0o755,
}
_LINKS = {b"sbin": b"bin", b"usr/bin": b"../bin", b"usr/sbin": b"../bin"}
_FILES = {
    b"etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
    b"etc/group": b"root:x:0:\nnogroup:x:65534:\n",
    b"etc/hosts": b"127.0.0.1 localhost\n::1 localhost\n",
}

Objects = Mapping[bytes, ImageNode]
"""Objects by ``<digest>-<name>``."""


def root_tree(
    objects: Objects,
    *,
    packages: Iterable[bytes] = (),
    trees: Iterable[bytes] = (),
    links: Iterable[tuple[bytes, bytes]] = (),
    manifests: Objects = MappingProxyType({}),
) -> ImageFolder:
    """Return a root with all ``objects``, and with their ``manifests`` where there are any.

    Of those in ``trees``, all is laid out from the top; ``links`` are paths and texts. Of those in
    ``packages``, the programs in ``bin`` are linked in ``/bin``, where trees and links leave their
    names free. FormatError where two claim one place.
    """
    root = ImageFolder()
    for name, mode in _FOLDERS.items():
        root.entries[name] = ImageFolder(mode)
    root.entries[b"bin"] = ImageFolder()
    root.entries[b"store"] = ImageFolder(0o755, dict(objects))
    for path, text in links:
        root.add(path, ImageLink(text))
    if manifests:
        root.entries[b"manifests"] = ImageFolder(0o755, dict(manifests))
    for name in trees:
        _lay(root, name, objects[name])
    _link_programs(root, objects, packages)
    for path, text in _LINKS.items():
        if root.get(path) is None:
            root.add(path, ImageLink(text))
    for path, data in _FILES.items():
        found = root.get(path)
        if isinstance(found, ImageFolder):
            raise FormatError(f"{quoted(path)} is a folder, and an image has a file there")
        if found is None:
            root.add(path, ImageFile.of(data))
    return root


def _lay(root: ImageFolder, name: bytes, tree: ImageNode) -> None:
    if not isinstance(tree, ImageFolder):
        raise FormatError(f"{quoted(name)} is no folder that could be laid out in an image")
    for own in OWN_FOLDERS:
        if own.encode() in tree.entries:
            raise FormatError(f"{quoted(name)} has {quoted(own)}, the image's own folder")
    root.lay(tree)


def _link_programs(root: ImageFolder, objects: Objects, packages: Iterable[bytes]) -> None:
    folder = root.entries[b"bin"]
    assert isinstance(folder, ImageFolder)
    taken = frozenset(folder.entries)
    owners: dict[bytes, bytes] = {}
    for package in sorted(packages):
        for name, target in _programs(package, objects[package]):
            if name in taken:
                continue
            there = folder.entries.setdefault(name, ImageLink(target))
            if there != ImageLink(target):
                raise FormatError(
                    f"both {_path(owners[name])} and {_path(package)} have a program "
                    f"{quoted(name)} for /bin",
                    hint=f"say which one it is: --link bin/{name.decode(errors='replace')}:PATH",
                )
            owners.setdefault(name, package)


def _programs(name: bytes, package: ImageNode) -> Iterator[tuple[bytes, bytes]]:
    """Yield the programs of an object, each with its path; one that is a link to another object,
    with that path."""
    folder = package.entries.get(b"bin") if isinstance(package, ImageFolder) else None
    if not isinstance(folder, ImageFolder):
        return
    for program, node in folder.entries.items():
        direct = isinstance(node, ImageLink) and node.target.startswith(b"/store/")
        yield (
            program,
            node.target
            if direct and isinstance(node, ImageLink)
            else (b"/store/%s/bin/%s" % (name, program)),
        )


def _path(name: bytes) -> str:
    return f"/store/{name.decode('utf-8', 'replace')}"
