"""A container's image: a folder in the layout of the Open Container Initiative.

Layers are plain tars: how a compressor packs bytes differs from version to version, and then the
image would too. Programs that push an image to a registry compress it on the way.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from store.display import quoted
from store.errors import FormatError
from store.images.image_tree import ImageFile, ImageFolder, ImageNode
from store.images.layers import layers
from store.images.tar_image import TarImage

_TYPE: Final = "application/vnd.oci.image"
_CREATED: Final = "1970-01-01T00:00:01Z"
_WHITEOUT: Final = b".wh."
"""The beginning of names that delete something in a layer."""

_PROCESSORS: Final = {"x86_64": "amd64", "aarch64": "arm64", "riscv64": "riscv64"}


@dataclass(frozen=True, kw_only=True)
class ContainerConfig:
    """A container's start: the command's first words, variables, and the image's tag."""

    system: str
    entrypoint: Sequence[str] = ()
    env: Sequence[tuple[str, str]] = ()
    tag: str = "latest"


class OciImage:
    """The image of a root, laid out.

    ``references`` are those of each object in ``/store`` to others there. Raises FormatError for a
    system of which containers know nothing, and for a name that would delete others.
    """

    def __init__(
        self,
        root: ImageFolder,
        references: Mapping[bytes, Collection[bytes]],
        config: ContainerConfig,
    ) -> None:
        machine = config.system.partition("-")[0]
        if machine not in _PROCESSORS:
            raise FormatError(f"no container runs on the system {quoted(config.system)}")
        self._processor = _PROCESSORS[machine]
        self._config = config
        self._has_shell = root.get(b"bin/sh") is not None
        _check_names(root)
        self._layers = [TarImage(tree.walk()) for tree in _split(root, references)]

    @property
    def size(self) -> int:
        """The bytes of all layers."""
        return sum(layer.size for layer in self._layers)

    def write(self, folder: str) -> None:
        """Make the new folder ``folder``. Raises CorruptObject for a file that does not have its
        size, and OSError."""
        blobs = f"{folder}/blobs/sha256"
        os.makedirs(blobs)
        written = [_put_layer(blobs, layer) for layer in self._layers]
        config = _put_json(blobs, self._config_record([each["digest"] for each in written]))
        manifest = _put_json(
            blobs,
            {
                "schemaVersion": 2,
                "mediaType": f"{_TYPE}.manifest.v1+json",
                "config": {"mediaType": f"{_TYPE}.config.v1+json", **config},
                "layers": [{"mediaType": f"{_TYPE}.layer.v1.tar", **each} for each in written],
            },
        )
        index = {"schemaVersion": 2, "mediaType": f"{_TYPE}.index.v1+json"}
        entry = {
            "mediaType": f"{_TYPE}.manifest.v1+json",
            **manifest,
            "platform": {"architecture": self._processor, "os": "linux"},
            "annotations": {"org.opencontainers.image.ref.name": self._config.tag},
        }
        _write(f"{folder}/index.json", _json({**index, "manifests": [entry]}))
        _write(f"{folder}/oci-layout", _json({"imageLayoutVersion": "1.0.0"}))

    def _config_record(self, digests: Sequence[str]) -> dict[str, Any]:
        env = {"PATH": "/bin", **dict(self._config.env)}
        started: dict[str, Any] = {"Env": [f"{name}={value}" for name, value in env.items()]}
        if self._config.entrypoint:
            started["Entrypoint"] = list(self._config.entrypoint)
        elif self._has_shell:
            started["Cmd"] = ["/bin/sh"]
        return {
            "created": _CREATED,
            "architecture": self._processor,
            "os": "linux",
            "config": started,
            "rootfs": {"type": "layers", "diff_ids": list(digests)},
            "history": [{"created": _CREATED, "created_by": "store image oci"} for _ in digests],
        }


def _split(root: ImageFolder, references: Mapping[bytes, Collection[bytes]]) -> list[ImageFolder]:
    """Return a tree for each layer: those of the objects, and the rest of the root above them."""
    store = root.entries[b"store"]
    assert isinstance(store, ImageFolder)
    objects = store.entries
    split = layers(references, {name: _bytes(node) for name, node in objects.items()})
    trees = [{name: objects[name] for name in names} for names in split]
    below = [ImageFolder(0o755, {b"store": ImageFolder(store.mode, tree)}) for tree in trees]
    rest = {**root.entries, b"store": ImageFolder(store.mode)}
    return [*below, ImageFolder(root.mode, rest)]


def _bytes(node: ImageNode) -> int:
    if isinstance(node, ImageFile):
        return node.size
    return sum(map(_bytes, node.entries.values())) if isinstance(node, ImageFolder) else 0


def _check_names(root: ImageFolder) -> None:
    for path, _ in root.walk():
        if path.rpartition(b"/")[2].startswith(_WHITEOUT):
            raise FormatError(f"{quoted(path)} cannot be in a container: the name would delete")


def _put_layer(blobs: str, layer: TarImage) -> dict[str, Any]:
    """Write a layer as the blob of its digest; returns digest and size."""
    path = f"{blobs}/new"
    out = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    with os.fdopen(out, "r+b") as file:
        layer.write(out)
        found = hashlib.file_digest(file, "sha256").hexdigest()
    os.rename(path, f"{blobs}/{found}")
    return {"digest": f"sha256:{found}", "size": layer.size}


def _put_json(blobs: str, value: object) -> dict[str, Any]:
    data = _json(value)
    found = hashlib.sha256(data).hexdigest()
    _write(f"{blobs}/{found}", data)
    return {"digest": f"sha256:{found}", "size": len(data)}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
