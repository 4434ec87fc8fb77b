"""An image's work: the objects as a tree, and the writer of its format."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from store import digest
from store.errors import BuildFailed, FormatError, StorageError, storage_error
from store.images.disk_image import DiskImage
from store.images.erofs_image import ErofsImage
from store.images.image_tree import ImageFile, ImageFolder, ImageLink, ImageNode
from store.images.root_tree import root_tree
from store.layout.paths import Layout
from store.model.derivation import Resolved
from store.model.file_tree import Node, NodeKind
from store.model.image_request import ImageRequest
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects.content import read_record
from store.system.disk_reserve import DiskReserveCheck


def write_image(
    layout: Layout,
    node: Resolved,
    closure: Sequence[ObjectId | str],
    work: str,
    reserve: int,
) -> str:
    """Write the image that a derivation describes into the folder ``work``; returns its path.

    ``closure`` is that of the inputs; ``reserve`` bytes of disk stay free. Raises BuildFailed where
    no such image can be, before anything is written; and DiskReserve,
    StorageError.
    """
    request = ImageRequest.parse(node.args)
    names = sorted(map(str, closure))
    try:
        objects = {name.encode(): _object(layout, name) for name in names}
        root = root_tree(
            objects,
            packages=_inputs(node, "package", request.packages),
            trees=_inputs(node, "tree", request.trees),
            links=[(path.encode(), text.encode()) for path, text in request.links],
        )
        # The same for the same content, and for no other: an image is known by it.
        known = digest.file_digest("\n".join([*names, *node.args]).encode())
        size, write = _WRITERS[request.format](root, request, known)
    except FormatError as error:
        raise BuildFailed(node.name, error.message, hint=error.hint) from error
    return _written(f"{work}/image", size, write, reserve)


def _written(path: str, size: int, write: Callable[[int], None], reserve: int) -> str:
    try:
        out = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            DiskReserveCheck(out, reserve).take(size, lambda: "an image")
            write(out)
        finally:
            os.close(out)
    except OSError as error:
        raise storage_error(error, "cannot write an image") from error
    return path


def _disk(
    root: ImageFolder, request: ImageRequest, known: bytes
) -> tuple[int, Callable[[int], None]]:
    label = request.label or "root"
    inner = ErofsImage(root, uuid=known[:16], label=label.encode())
    disk = DiskImage(inner, known[:4], request.size)
    return inner.size, disk.write


_WRITERS = {"disk": _disk}


def _inputs(node: Resolved, key: str, paths: Sequence[str]) -> list[bytes]:
    """Return objects that an argument names, each of which is an input: the contents of an image
    belong to its identity."""
    found = [ObjectId.from_path(path) for path in paths]
    for oid in found:
        if oid not in node.inputs:
            raise BuildFailed(node.name, f"{key}={oid.path} is not among its inputs")
    return [str(oid).encode() for oid in found]


def _object(layout: Layout, name: str) -> ImageNode:
    try:
        oid = ObjectId.parse(name)
        manifest = Manifest.decode(read_record(layout.manifest(oid))[0])
    except OSError as error:
        raise storage_error(error, f"cannot read the manifest of {name}") from error
    except FormatError as error:
        raise StorageError(
            f"the manifest of {name} is damaged: {error.message}",
            hint="`store verify --repair` writes it anew",
        ) from error
    return _node(manifest, manifest.root, layout.object(oid))


def _node(manifest: Manifest, node: Node, path: str) -> ImageNode:
    if node.kind is NodeKind.LINK:
        return ImageLink(node.payload)
    if node.kind is NodeKind.FILE:
        return ImageFile(0o555 if node.executable else 0o444, node.size, path, node.payload)
    entries = manifest.directories[node.payload].entries
    return ImageFolder(
        0o555,
        {name: _node(manifest, inner, f"{path}/{os.fsdecode(name)}") for name, inner in entries},
    )
