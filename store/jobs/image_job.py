"""An image's work: the objects as a tree, and the writer of its format."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from store import digest
from store.errors import FormatError, StorageError, storage_error
from store.images.disk_image import DiskImage
from store.images.erofs_image import ErofsImage
from store.images.image_tree import ImageFile, ImageFolder, ImageLink, ImageNode
from store.images.oci_image import ContainerConfig, OciImage
from store.images.root_tree import root_tree
from store.images.tar_image import TarImage
from store.job_errors import BuildFailed
from store.layout.paths import Layout
from store.model.derivation import Resolved
from store.model.file_tree import Node, NodeKind
from store.model.image_request import ImageRequest
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects.content import read_record
from store.system.disk_reserve import DiskReserveCheck


@dataclass(frozen=True)
class _Subject:
    """An image to be laid out. ``known`` is the digest of all that is in it."""

    request: ImageRequest
    system: str
    root: ImageFolder
    references: Mapping[bytes, Sequence[bytes]]
    known: bytes


@dataclass(frozen=True)
class _LaidOut:
    """An image of so many bytes; ``write`` makes it at a path where nothing is."""

    size: int
    write: Callable[[str], None]


def write_image(
    layout: Layout,
    node: Resolved,
    closure: Sequence[ObjectId | str],
    work: str,
    reserve: int,
) -> str:
    """Write the image that a derivation describes into the folder ``work``; returns its path.

    ``closure`` is that of the inputs; ``reserve`` bytes of disk stay free. Raises BuildFailed where
    no such image can be, before anything is written; and DiskReserve, StorageError.
    """
    request = ImageRequest.parse(node.args)
    try:
        image = _WRITERS[request.format](_subject(layout, node, request, closure))
    except FormatError as error:
        raise BuildFailed(node.name, error.message, hint=error.hint) from error
    path = f"{work}/image"
    try:
        _check_reserve(work, image.size, reserve)
        image.write(path)
    except OSError as error:
        raise storage_error(error, "cannot write an image") from error
    return path


def _subject(
    layout: Layout, node: Resolved, request: ImageRequest, closure: Sequence[ObjectId | str]
) -> _Subject:
    names = sorted(map(str, closure))
    manifests = {name.encode(): _manifest(layout, name) for name in names}
    root = root_tree(
        {name: _node(each, each.root, layout.object(each.id)) for name, each in manifests.items()},
        packages=_inputs(node, "package", request.packages),
        trees=_inputs(node, "tree", request.trees),
        links=[(path.encode(), text.encode()) for path, text in request.links],
        manifests={name: _manifest_file(layout, each) for name, each in manifests.items()}
        if request.manifests
        else {},
    )
    references = {
        name: [str(oid).encode() for oid in each.references] for name, each in manifests.items()
    }
    # The same for the same content, and for no other: an image is known by it.
    known = digest.file_digest("\n".join([*names, *node.args]).encode())
    return _Subject(request, node.system, root, references, known)


def _check_reserve(work: str, size: int, reserve: int) -> None:
    folder = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        DiskReserveCheck(folder, reserve).take(size, lambda: "an image")
    finally:
        os.close(folder)


# -- formats --


def _disk(image: _Subject) -> _LaidOut:
    label = (image.request.label or "root").encode()
    root = ErofsImage(image.root, uuid=image.known[:16], label=label)
    disk = DiskImage(root, image.known[:4], image.request.size)
    return _LaidOut(root.size, lambda path: _to_file(path, disk.write))


def _tar(image: _Subject) -> _LaidOut:
    tar = TarImage(image.root.walk())
    return _LaidOut(tar.size, lambda path: _to_file(path, tar.write))


def _oci(image: _Subject) -> _LaidOut:
    config = ContainerConfig(
        system=image.system,
        entrypoint=image.request.entrypoint,
        env=image.request.env,
        tag=image.request.label or "latest",
    )
    container = OciImage(image.root, image.references, config)
    return _LaidOut(container.size, container.write)


_WRITERS = {"disk": _disk, "tar": _tar, "oci": _oci}


def _to_file(path: str, write: Callable[[int], None]) -> None:
    out = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        write(out)
    finally:
        os.close(out)


# -- objects --


def _inputs(node: Resolved, key: str, paths: Sequence[str]) -> list[bytes]:
    """Return objects that an argument names, each of which is an input: the contents of an image
    belong to its identity."""
    found = [ObjectId.from_path(path) for path in paths]
    for oid in found:
        if oid not in node.inputs:
            raise BuildFailed(node.name, f"{key}={oid.path} is not among its inputs")
    return [str(oid).encode() for oid in found]


def _manifest(layout: Layout, name: str) -> Manifest:
    try:
        return Manifest.decode(read_record(layout.manifest(ObjectId.parse(name)))[0])
    except OSError as error:
        raise storage_error(error, f"cannot read the manifest of {name}") from error
    except FormatError as error:
        raise StorageError(
            f"the manifest of {name} is damaged: {error.message}",
            hint="`store verify --repair` writes it anew",
        ) from error


def _manifest_file(layout: Layout, manifest: Manifest) -> ImageFile:
    path = layout.manifest(manifest.id)
    return ImageFile(0o444, os.stat(path).st_size, path)


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
