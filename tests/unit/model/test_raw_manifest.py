"""An outline says what a manifest says, and refuses all else."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import canon
from store.errors import FormatError, StoreError
from store.model.file_tree import Directory, NodeKind, link
from store.model.identity import object_id
from store.model.manifest import Manifest
from store.model.raw_manifest import RawManifest, are_named_right
from tests.unit.model import strategies as some


def by_walk(manifest: Manifest) -> dict[bytes, list[list[canon.Value]]]:
    """Every folder's entries by its path, from the manifest itself."""
    found: dict[bytes, list[list[canon.Value]]] = {}

    def walk(path: bytes, directory: Directory) -> None:
        found[path] = [[name, *node.to_fields()] for name, node in directory.entries]
        for name, node in directory.entries:
            if node.kind is NodeKind.DIRECTORY:
                walk(path + b"/" + name, manifest.directories[node.payload])

    walk(b"/top", manifest.directories[manifest.root.payload])
    return found


@given(some.MANIFESTS)
def test_it_says_what_the_manifest_says(manifest: Manifest) -> None:
    outline = RawManifest.decode(manifest.encode())
    assert outline.id == manifest.id
    assert outline.references == manifest.references
    assert outline.refers_to_itself == manifest.refers_to_itself
    assert outline.root == manifest.root
    folders = list(outline.folders(b"/top"))
    assert dict(folders) == by_walk(manifest)
    assert len(dict(folders)) == len(folders)


@given(some.MANIFESTS, st.data())
def test_what_a_manifest_does_not_decode_is_no_outline(
    manifest: Manifest, data: st.DataObject
) -> None:
    encoded = bytearray(manifest.encode())
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] = data.draw(st.integers(0, 255))
    damaged = bytes(encoded[: data.draw(st.integers(at + 1, len(encoded)))])
    with contextlib.suppress(StoreError, TypeError, ValueError):
        outline = RawManifest.decode(damaged)
        folders = list(outline.folders(b"/top"))
        # What is read all the same has each directory under its own digest.
        decoded = {path: [list(entry) for entry in entries] for path, entries in folders}
        assert set(outline.directories) <= {
            Directory.decode(canon.encode(entries)).node().payload for entries in decoded.values()
        }


@given(some.MANIFESTS)
def test_a_directory_that_nothing_names_is_refused(manifest: Manifest) -> None:
    values = canon.decode(manifest.encode())
    more = Directory(((b"unnamed", link(b"x" * 30)),))
    items = {**manifest.directories, more.node().payload: more}
    values[5] = [items[key].encode() for key in sorted(items)]
    outline = RawManifest.decode(canon.encode(values))
    with pytest.raises(FormatError, match="too many"):
        list(outline.folders(b"/top"))


@given(some.MANIFESTS)
def test_a_directory_that_is_not_there_is_refused(manifest: Manifest) -> None:
    values = canon.decode(manifest.encode())
    values[5] = []
    outline = RawManifest.decode(canon.encode(values))
    with pytest.raises(FormatError, match="lacks"):
        list(outline.folders(b"/top"))


@pytest.mark.slow
def test_a_folder_of_a_million_small_links_can_be_written() -> None:
    links: list[Any] = [[b"%06x" % n, 2, False, 1, b"a"] for n in range(1_000_000)]
    canon.check_memory([canon.encode(links)])


@pytest.mark.slow
@given(st.lists(some.MANIFESTS, max_size=4), st.data())
def test_many_are_read_as_one_by_one(manifests: list[Manifest], data: st.DataObject) -> None:
    records = [manifest.encode() for manifest in manifests]
    outlines = [RawManifest.decode(record) for record in records]
    assert RawManifest.decode_all(records) == outlines
    at = data.draw(st.integers(0, len(records)))
    wrong = data.draw(st.sampled_from([b"", b"\x90", b"\x96\x01\xc0\xc0\xc0\xc0\xc0"]))
    outlines_with_one = [*outlines[:at], None, *outlines[at:]]
    assert RawManifest.decode_all([*records[:at], wrong, *records[at:]]) == outlines_with_one


WRONG_TOPS: list[list[canon.Value]] = [
    [1, False, 2, b"x" * 31],
    [1, 0, 2, b"x" * 32],
    [0, True, 2, b"x" * 32],
    [True, False, 2, b"x" * 32],
    [1, False, -2, b"x" * 32],
    [1, False, True, b"x" * 32],
    [2, False, 2, b"x" * 32],
    [3, False, 2, b"x" * 32],
    [1, False, 2, "x" * 32],
    [1, False, 2],
]


@pytest.mark.parametrize("top", WRONG_TOPS)
def test_a_top_that_is_no_node_costs_no_other_manifest(top: list[canon.Value]) -> None:
    def record(*fields: canon.Value) -> bytes:
        return canon.encode([1, [b"d" * 20, "name"], [], False, list(fields), []])

    file, target = record(1, True, 2, b"x" * 32), record(2, False, 32, b"t" * 32)
    wrong = record(*top)
    read = RawManifest.decode_all([file, wrong, target])
    assert read == [RawManifest.decode(file), None, RawManifest.decode(target)]
    with pytest.raises(FormatError):
        RawManifest.decode(wrong)


@pytest.mark.parametrize("version", [2, True, "1", None])
def test_another_version_is_refused(version: canon.Value) -> None:
    data = canon.encode([version, [b"d" * 20, "name"], [], False, [1, True, 2, b"x" * 32], []])
    assert RawManifest.decode_all([data]) == [None]


@given(some.MANIFESTS)
def test_the_identity_is_that_of_the_model(manifest: Manifest) -> None:
    outline = RawManifest.decode(manifest.encode())
    name, tree = manifest.id.name, manifest.root.digest()
    right = object_id(name, tree, manifest.references, manifest.refers_to_itself)
    named = are_named_right([outline, outline._replace(id=right), outline])
    assert named == [right == manifest.id, True, right == manifest.id]
