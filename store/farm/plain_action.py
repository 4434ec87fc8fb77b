"""A derivation as a plain action: one that any server of the Remote Execution API can run.

Its input root has the entries of the root file system, the inputs in ``store/``, and our own
``etc/`` and ``build/``. An output path cannot have ``..``, so the command runs in the root, and
changes to ``/build`` itself.
"""

from __future__ import annotations

from typing import Final

from store.cache.blob_trees import blobs_of, mapped
from store.farm.encoded_action import EncodedAction, encoded_action, kept, system_properties
from store.layout.paths import Layout
from store.model.build_files import BuildFiles, folders_of
from store.model.file_tree import NodeKind
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects.content import read_record
from store.reapi.blob import Blob, Message, digest_message
from store.reapi.messages import message
from store.reapi.server import Server
from store.reapi.tree_messages import MappedTree
from store.sandbox.given_files import FILE_MODE, SECOND
from store.sandbox.points import OWN_ENTRIES
from store.sandbox.preparation import builder_environment, etc_files
from store.sandbox.request import BuildRequest

SCRIPT: Final = 'cd /build && exec "$@" 2>&1'
"""Run by the root file system's shell, with the builder and its arguments."""


def plain_action(
    layout: Layout, server: Server, request: BuildRequest, system: str
) -> EncodedAction:
    """Return the action for a request to the sandbox. InvalidName for an input that the API cannot
    hold; UnknownObject, CorruptObject, StorageError.
    """
    blobs: list[Blob] = []
    top = _top(layout, server, request, blobs)
    users = {"unixGID": str(request.gid), "unixUID": str(request.uid)}
    properties = system_properties(system) | users
    root = kept(blobs, _sorted(top))
    return encoded_action(blobs, _command(request), root, properties, request.timeout)


def _top(layout: Layout, server: Server, request: BuildRequest, blobs: list[Blob]) -> Message:
    """Return the input root; the blobs below it are added to ``blobs``."""
    folder = message("Directory")
    top, objects, etc = folder(), folder(), folder()
    for name in request.inputs:
        _add_object(objects, name, *_mapped(layout, server, name, blobs))
    if request.rootfs is not None:
        manifest, tree = _mapped(layout, server, request.rootfs, blobs)
        if manifest.root.kind is NodeKind.DIRECTORY:
            _add_entries(top, folder.FromString(tree.directories[tree.root]))
    for name, text in etc_files(request):
        etc.files.add(name=name, digest=kept(blobs, text.encode()))
    build = _build_folder(request.files, blobs)
    for name, below in (("build", build), ("etc", etc), ("store", objects)):
        top.directories.add(name=name, digest=kept(blobs, _sorted(below)))
    return top


def _build_folder(files: BuildFiles, blobs: list[Blob]) -> Message:
    """Return the folder with the files of a build; the blobs below it are added to ``blobs``."""
    folder = message("Directory")
    folders = folders_of(files)
    made = {path: folder() for path in ("", *folders)}
    for path, text in files:
        above, _, name = path.rpartition("/")
        file = made[above].files.add(name=name, digest=kept(blobs, text.encode()))
        file.node_properties.mtime.seconds = SECOND
        file.node_properties.unix_mode.value = FILE_MODE
    for path in reversed(folders):
        above, _, name = path.rpartition("/")
        made[above].directories.add(name=name, digest=kept(blobs, _sorted(made[path])))
    return made[""]


def _mapped(
    layout: Layout, server: Server, name: str, blobs: list[Blob]
) -> tuple[Manifest, MappedTree]:
    oid = ObjectId.parse(name)
    manifest = Manifest.decode(read_record(layout.manifest(oid))[0])
    tree = mapped(layout, server, manifest)
    blobs += blobs_of(layout, manifest, tree)
    return manifest, tree


def _add_object(objects: Message, name: str, manifest: Manifest, tree: MappedTree) -> None:
    """Add an object to the folder of all: as a folder, or as the file or link that it is."""
    if manifest.root.kind is NodeKind.DIRECTORY:
        objects.directories.add(name=name, digest=digest_message(tree.root))
        return
    around = message("Directory").FromString(tree.directories[tree.root])
    for kind in ("files", "symlinks"):
        for each in getattr(around, kind):
            each.name = name
            getattr(objects, kind).append(each)


def _add_entries(top: Message, rootfs: Message) -> None:
    """Add the entries of a root file system, but for those that are the sandbox's."""
    for kind in ("files", "directories", "symlinks"):
        kept = [each for each in getattr(rootfs, kind) if each.name not in OWN_ENTRIES]
        getattr(top, kind).extend(kept)


def _command(request: BuildRequest) -> Message:
    command = message("Command")(
        arguments=["/bin/sh", "-c", SCRIPT, "sh", request.builder, *request.args],
        output_paths=sorted(f"store/{name}" for name in request.outputs),
    )
    for name, value in sorted(builder_environment(request).items()):
        command.environment_variables.add(name=name, value=value)
    return command


def _sorted(folder: Message) -> Message:
    """Put the entries of a folder in the order that the API wants."""
    for kind in ("files", "directories", "symlinks"):
        getattr(folder, kind).sort(key=lambda each: each.name)
    return folder
