"""Paths in an object's tree, by its manifest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.errors import UnknownObject
from store.layout.paths import Layout
from store.model.manifest import Manifest
from store.model.tree_paths import below, find
from store.objects.ingest import ingest
from tests.unit.gc.conftest import layout

__all__ = ["layout"]


@pytest.fixture
def manifest(layout: Layout, tmp_path: Path) -> Manifest:
    """``bin/tool``, and links that stay inside, leave it, and run in a circle."""
    top = tmp_path / "top"
    (top / "bin" / "deep").mkdir(parents=True)
    (top / "bin" / "tool").write_text("tool")
    (top / "bin" / "deep" / "file").write_text("deep")
    for name, target in {
        "sh": "bin/tool",
        "programs": "bin/deep/..",
        "out": "../elsewhere",
        "host": "/etc/passwd",
        "round": "about",
        "about": "round",
    }.items():
        (top / name).symlink_to(target)
    return ingest(layout.root, str(top), "top")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", ""),
        ("bin/tool", "bin/tool"),
        ("//bin/./tool", "bin/tool"),
        ("sh", "bin/tool"),
        ("programs", "bin"),
        ("programs/tool", "bin/tool"),
    ],
)
def test_a_path_is_found_through_links_inside(manifest: Manifest, path: str, found: str) -> None:
    assert find(manifest, path.encode(), follow=True).path == found.encode()


@pytest.mark.parametrize(
    "path", ["../top/bin", "bin/..", "out", "host", "round", "none", "bin/tool/x", "out/../bin"]
)
def test_no_path_leads_out_of_an_object(manifest: Manifest, path: str) -> None:
    with pytest.raises(UnknownObject):
        find(manifest, path.encode(), follow=True)


@pytest.mark.parametrize(
    ("path", "below"),
    [("none", ""), ("bin/none/x", "/bin"), ("programs/none", "/bin"), ("bin/tool/x", "/bin")],
)
def test_a_missing_path_says_where_to_look(manifest: Manifest, path: str, below: str) -> None:
    with pytest.raises(UnknownObject) as caught:
        find(manifest, path.encode(), follow=True)
    assert caught.value.hint == f"`store ls {manifest.id}{below}` lists the files there"


def test_a_link_at_the_end_is_found_itself_unless_followed(manifest: Manifest) -> None:
    assert find(manifest, b"host", follow=False).node.payload == b"/etc/passwd"


def test_absolute_links_into_the_object_stay_inside(layout: Layout, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.symlink_to("/store")
    manifest = ingest(layout.root, str(alone), "alone")
    with pytest.raises(UnknownObject, match="leads out of"):
        find(manifest, b"", follow=True)
    os.unlink(alone)


def test_entries_come_by_name_each_folder_before_its_own(manifest: Manifest) -> None:
    top = find(manifest, b"bin", follow=True)
    assert [entry.path for entry in below(manifest, top)] == [b"bin/deep", b"bin/tool"]
    deep = [entry.path for entry in below(manifest, top, recursive=True)]
    assert deep == [b"bin/deep", b"bin/deep/file", b"bin/tool"]
