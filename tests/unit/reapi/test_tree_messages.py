"""Trees as messages: the bytes of the specification, both ways, and names that do not fit."""

from __future__ import annotations

import hashlib

import pytest

from store.digest import file_digest
from store.errors import FormatError, InvalidName
from store.model import file_tree
from store.model.file_tree import Directory
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.reapi.blob import BlobDigest
from store.reapi.messages import message
from store.reapi.tree_messages import contents_of, map_tree, match_tree


def manifest_of(*directories: Directory) -> Manifest:
    """The last one is the top."""
    return Manifest(
        ObjectId(bytes(20), "name"),
        (),
        False,
        directories[-1].node(),
        {each.node().payload: each for each in directories},
    )


def sha256_of(*contents: bytes) -> dict[bytes, bytes]:
    return {file_digest(each): hashlib.sha256(each).digest() for each in contents}


def plain(data: bytes, *, executable: bool = False) -> file_tree.Node:
    return file_tree.file(file_digest(data), len(data), executable=executable)


LOW = Directory(((b"x", plain(b"")), (b"y", plain(b"z" * 300))))
TOP = Directory(
    (
        (b"a", LOW.node()),
        (b"b", LOW.node()),
        (b"l", file_tree.link(b"../x")),
        (b"t", plain(b"tool", executable=True)),
    )
)
SHA256 = sha256_of(b"", b"z" * 300, b"tool")


def test_a_tree_is_that_of_the_specification() -> None:
    mapped = map_tree(manifest_of(LOW, TOP), SHA256)
    top = message("Directory").FromString(mapped.directories[mapped.root])
    assert [each.name for each in top.directories] == ["a", "b"]
    assert [(each.name, each.target) for each in top.symlinks] == [("l", "../x")]
    (tool,) = top.files
    assert (tool.name, tool.is_executable) == ("t", True)
    assert (tool.digest.hash, tool.digest.size_bytes) == (SHA256[file_digest(b"tool")].hex(), 4)
    for digest, data in mapped.directories.items():
        assert digest.is_of(data)
        assert message("Directory").FromString(data).SerializeToString(deterministic=True) == data
    assert len(mapped.directories) == 2
    tree = message("Tree").FromString(mapped.tree())
    assert (tree.root, len(tree.children)) == (top, 1)


def test_a_tree_leads_back_to_the_contents() -> None:
    manifest = manifest_of(LOW, TOP)
    mapped = map_tree(manifest, SHA256)
    found = match_tree(manifest, mapped.tree())
    assert found == mapped.files
    assert found.keys() == contents_of(manifest).keys()


def test_an_object_that_is_one_file_has_a_name_in_its_tree() -> None:
    manifest = Manifest(ObjectId(bytes(20), "f"), (), False, plain(b"tool"), {})
    mapped = map_tree(manifest, SHA256, "object")
    assert match_tree(manifest, mapped.tree(), "object") == mapped.files
    with pytest.raises(FormatError):
        map_tree(manifest, SHA256)


def test_a_tree_of_another_object_has_no_fitting_files() -> None:
    other = Directory(((b"t", plain(b"other")), (b"z", plain(b""))))
    mapped = map_tree(manifest_of(other), sha256_of(b"other", b""))
    assert match_tree(manifest_of(LOW, TOP), mapped.tree()) == {}
    with pytest.raises(FormatError):
        match_tree(manifest_of(LOW, TOP), b"\xff\xff")


def test_a_server_cannot_name_a_blob_that_is_none() -> None:
    tree = message("Tree")()
    tree.root.files.add(name="t").digest.hash = "../../etc"
    with pytest.raises(FormatError):
        match_tree(manifest_of(LOW, TOP), tree.SerializeToString())


@pytest.mark.parametrize("entry", [(b"\xff", plain(b"")), (b"l", file_tree.link(b"\xff"))])
def test_names_that_are_not_utf8_cannot_be_mapped(entry: tuple[bytes, file_tree.Node]) -> None:
    with pytest.raises(InvalidName, match="UTF-8"):
        map_tree(manifest_of(Directory((entry,))), SHA256)


def test_a_deep_tree_is_mapped() -> None:
    folders = [Directory(((b"f", plain(b"")),))]
    for _ in range(1500):
        folders.append(Directory(((b"d", folders[-1].node()),)))
    manifest = manifest_of(*folders)
    mapped = map_tree(manifest, SHA256)
    assert match_tree(manifest, mapped.tree()) == mapped.files
    assert isinstance(mapped.root, BlobDigest)
