"""An image's work: objects of a store as a tree, and requests that they do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.errors import InvalidName, StorageError
from store.job_errors import BuildFailed, DiskReserve
from store.jobs.image_job import write_image
from store.layout.paths import Layout
from store.local.directories import make_directories
from store.model.derivation import Resolved
from store.model.image_request import BUILDER
from store.model.names import ObjectId
from store.objects.ingest import ingest
from tests.unit.images.erofs_reader import ErofsReader

MIB = 1 << 20


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An empty store."""
    found = Layout(str(tmp_path / "root"))
    make_directories(found)
    return found


@pytest.fixture
def tool(layout: Layout, tmp_path: Path) -> ObjectId:
    """An object with a program, its copy, a text and a link."""
    source = tmp_path / "tool"
    (source / "bin").mkdir(parents=True)
    for name in ("tool", "copy"):
        (source / "bin" / name).write_bytes(b"#!/bin/sh\n")
        (source / "bin" / name).chmod(0o755)
    (source / "text").write_bytes(b"x" * 5000)
    (source / "link").symlink_to("text")
    return ingest(layout.root, str(source), "tool").id


def written(layout: Layout, tool: ObjectId, *args: str, reserve: int = 0) -> Path:
    """The image that such arguments mean, with the object as its input."""
    node = Resolved("image", "x86_64-linux", BUILDER, args, inputs=(tool,))
    return Path(write_image(layout, node, [tool], layout.tmp, reserve))


def test_an_object_is_in_the_image_as_it_is_in_the_store(layout: Layout, tool: ObjectId) -> None:
    image = written(layout, tool, "format=disk", f"package={tool.path}", "label=mine")
    reader = ErofsReader(image.read_bytes()[MIB:])
    tree = reader.tree()
    top = f"store/{tool}".encode()
    assert reader.label == b"mine"
    assert tree[top + b"/text"].data == b"x" * 5000
    assert tree[top + b"/text"].mode == 0o100444
    assert tree[top + b"/link"].data == b"text"
    assert tree[top + b"/bin/tool"].mode == 0o100555
    assert tree[top + b"/bin/tool"].number == tree[top + b"/bin/copy"].number
    assert tree[top].mode == 0o040555
    assert tree[b"bin/copy"].data == f"{tool.path}/bin/copy".encode()


def test_an_image_is_known_by_all_that_is_in_it(layout: Layout, tool: ObjectId) -> None:
    package = f"package={tool.path}"
    labels = []
    for more in ((), ("link=a:b",)):
        image = written(layout, tool, "format=disk", package, *more)
        data = image.read_bytes()
        labels.append((data[440:444], ErofsReader(data[MIB:]).uuid))
        image.unlink()
    assert labels[0][0] != labels[1][0]
    assert labels[0][1] != labels[1][1]


@pytest.mark.parametrize("key", ["package", "tree"])
def test_an_object_that_is_no_input_is_refused(layout: Layout, tool: ObjectId, key: str) -> None:
    other = f"/store/{'0' * 32}-other"
    with pytest.raises(BuildFailed, match="not among its inputs"):
        written(layout, tool, "format=tar", f"{key}={other}")
    with pytest.raises(BuildFailed, match="/elsewhere"):
        written(layout, tool, "format=tar", f"{key}=/elsewhere")


def test_arguments_that_cannot_be_are_refused(layout: Layout, tool: ObjectId) -> None:
    with pytest.raises(InvalidName, match="colour"):
        written(layout, tool, "format=tar", f"package={tool.path}", "colour=red")


def test_a_manifest_that_is_missing_or_damaged_is_named(layout: Layout, tool: ObjectId) -> None:
    manifest = Path(layout.manifest(tool))
    manifest.chmod(0o644)
    manifest.write_bytes(b"damaged")
    with pytest.raises(StorageError, match=f"manifest of {tool} is damaged"):
        written(layout, tool, "format=tar", f"package={tool.path}")
    manifest.unlink()
    with pytest.raises(StorageError, match=f"manifest of {tool}"):
        written(layout, tool, "format=tar", f"package={tool.path}")


@pytest.mark.parametrize("form", ["disk", "tar", "oci"])
def test_a_disk_without_room_is_left_as_it_is(layout: Layout, tool: ObjectId, form: str) -> None:
    with pytest.raises(DiskReserve, match="an image does not fit"):
        written(layout, tool, f"format={form}", f"package={tool.path}", reserve=1 << 60)
    assert not Path(layout.tmp, "image").exists()
