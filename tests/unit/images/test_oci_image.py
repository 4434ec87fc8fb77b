"""Containers' images: their blobs, their config, and layers that two images share."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from store.errors import FormatError
from store.images.image_tree import ImageFile, ImageFolder, ImageLink, ImageNode
from store.images.oci_image import ContainerConfig, OciImage
from store.images.root_tree import root_tree

SYSTEM = "x86_64-linux"


def objects(*names: bytes) -> dict[bytes, ImageNode]:
    """Objects with a program each."""
    found: dict[bytes, ImageNode] = {}
    for name in names:
        tree = ImageFolder(0o555)
        tree.add(b"bin/" + name, ImageFile(0o555, len(name), name, name))
        found[name] = tree
    return found


def written(tmp_path: Path, *names: bytes, **config: Any) -> Path:
    """An image of such objects, each of which refers to the first."""
    root = root_tree(objects(*names), packages=names)
    references = {name: [] if name == names[0] else [names[0]] for name in names}
    image = OciImage(root, references, ContainerConfig(**{"system": SYSTEM, **config}))
    folder = tmp_path / "-".join(map(bytes.decode, names))
    image.write(str(folder))
    return folder


def blob(folder: Path, descriptor: dict[str, Any]) -> bytes:
    """The bytes that a descriptor names, which it describes."""
    kind, _, text = descriptor["digest"].partition(":")
    data: bytes = (folder / "blobs" / kind / text).read_bytes()
    assert hashlib.new(kind, data).hexdigest() == text
    assert len(data) == descriptor["size"]
    return data


def manifest(folder: Path) -> dict[str, Any]:
    """The image's manifest."""
    index = json.loads((folder / "index.json").read_bytes())
    found = json.loads(blob(folder, index["manifests"][0]))
    assert isinstance(found, dict)
    return found


def config(folder: Path) -> dict[str, Any]:
    """The image's config."""
    found = json.loads(blob(folder, manifest(folder)["config"]))
    assert isinstance(found, dict)
    return found


def test_each_object_has_a_layer_and_the_rest_lies_above(tmp_path: Path) -> None:
    folder = written(tmp_path, b"libc", b"tool")
    assert json.loads((folder / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    layers = manifest(folder)["layers"]
    members = []
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(blob(folder, layer))) as tar:
            members.append(tar.getnames())
    assert members[0] == ["store", "store/libc", "store/libc/bin", "store/libc/bin/libc"]
    assert members[1] == ["store", "store/tool", "store/tool/bin", "store/tool/bin/tool"]
    assert {"bin/tool", "bin/libc", "etc/passwd", "tmp", "store"} <= set(members[2])
    assert config(folder)["rootfs"]["diff_ids"] == [layer["digest"] for layer in layers]


def test_two_images_share_the_layers_of_what_both_hold(tmp_path: Path) -> None:
    one = manifest(written(tmp_path, b"libc", b"tool"))["layers"]
    two = manifest(written(tmp_path, b"libc", b"editor"))["layers"]
    digests = [{layer["digest"] for layer in layers} for layers in (one, two)]
    assert digests[0] & digests[1] == {one[0]["digest"]}


def test_the_config_has_the_start_of_a_container(tmp_path: Path) -> None:
    env = (("LANG", "C"), ("PATH", "/bin:/opt"))
    folder = written(tmp_path, b"sh", entrypoint=("sh", "-c"), env=env, tag="v1")
    found = config(folder)
    assert found["config"] == {"Entrypoint": ["sh", "-c"], "Env": ["PATH=/bin:/opt", "LANG=C"]}
    assert (found["architecture"], found["os"]) == ("amd64", "linux")
    assert len(found["history"]) == len(manifest(folder)["layers"])
    index = json.loads((folder / "index.json").read_bytes())
    assert index["manifests"][0]["annotations"] == {"org.opencontainers.image.ref.name": "v1"}


def test_without_an_entrypoint_a_shell_is_run_if_there_is_one(tmp_path: Path) -> None:
    assert config(written(tmp_path, b"sh"))["config"]["Cmd"] == ["/bin/sh"]
    assert "Cmd" not in config(written(tmp_path, b"tool"))["config"]


def test_the_bytes_of_an_image_are_the_committed_ones(tmp_path: Path) -> None:
    folder = written(tmp_path, b"libc", b"tool", entrypoint=("tool",))
    found = hashlib.sha256((folder / "index.json").read_bytes()).hexdigest()
    assert found == "1cdf360112bd4e257093cc7033665b4b24b69aef1fcdee04a805ea7ad3ee3782"


@pytest.mark.parametrize("system", ["any", "z80-linux", "a\x1b"])
def test_a_system_without_containers_is_refused(system: str) -> None:
    with pytest.raises(FormatError, match="no container") as caught:
        OciImage(root_tree({}), {}, ContainerConfig(system=system))
    assert caught.value.message.isprintable()


def test_a_name_that_deletes_others_is_refused() -> None:
    root = root_tree({b"1": ImageFolder(0o555, {b".wh.tool": ImageLink(b"x")})})
    with pytest.raises(FormatError, match=r"store/1/\.wh\.tool"):
        OciImage(root, {b"1": []}, ContainerConfig(system=SYSTEM))


@pytest.fixture
def program() -> Callable[[str], str]:
    """Return programs of others; a skip without one, but a failure where all tests have to run."""

    def find(name: str) -> str:
        found = shutil.which(name)
        if found is None:
            if os.environ.get("IMAGE_TOOLS_REQUIRED"):
                pytest.fail(f"{name} is not installed")
            pytest.skip(f"{name} is not installed")
        return found

    return find


def test_skopeo_reads_and_copies_it(program: Callable[[str], str], tmp_path: Path) -> None:
    skopeo = program("skopeo")
    folder = written(tmp_path, b"libc", b"tool", tag="v1")
    done = subprocess.run(
        [skopeo, "inspect", f"oci:{folder}:v1"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["Env"] == ["PATH=/bin"]
    target = f"docker-archive:{tmp_path}/copy.tar:name:v1"
    subprocess.run(
        [skopeo, "--insecure-policy", "copy", "-q", f"oci:{folder}:v1", target], check=True
    )
    with tarfile.open(tmp_path / "copy.tar") as tar:
        assert "manifest.json" in tar.getnames()


@pytest.mark.root(reason="unpacks for root, which only root can")
def test_umoci_unpacks_the_root(program: Callable[[str], str], tmp_path: Path) -> None:
    umoci = program("umoci")
    folder = written(tmp_path, b"libc", b"tool")
    subprocess.run(
        [umoci, "unpack", "--image", f"{folder}:latest", tmp_path / "bundle"],
        check=True,
        capture_output=True,
    )
    root = tmp_path / "bundle" / "rootfs"
    assert (root / "store" / "tool" / "bin" / "tool").read_bytes() == b"tool"
    assert (root / "bin" / "tool").readlink() == Path("/store/tool/bin/tool")
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert (root / "store" / "tool").stat().st_mtime == 1
