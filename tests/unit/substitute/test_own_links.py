"""An object is put together from its sound parts, and from nothing else."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from store.errors import CorruptObject, UnknownObject
from store.index.content_table import ContentTable
from store.local.store import Store
from store.model.names import ObjectId
from store.substitute.own_links import SharedFiles


@pytest.fixture
def oid(store: Store, tmp_path: Path) -> ObjectId:
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    (tree / "a").write_text("one\n")
    (tree / "below" / "run").write_text("two\n")
    (tree / "below" / "run").chmod(0o755)
    (tree / "link").symlink_to("a")
    return store.objects.add(str(tree), "tree")


def test_a_missing_tree_comes_from_the_manifest_and_equal_files(
    store: Store, oid: ObjectId, tmp_path: Path
) -> None:
    store.objects.add(str(tmp_path / "tree"), "another")
    os.chmod(store.layout.object(oid), 0o755)  # moving a directory writes its ".."
    os.rename(store.layout.object(oid), tmp_path / "gone")
    with closing(SharedFiles(store)) as shared:
        made = Path(shared.tree(oid))
        assert (made / "a").read_text() == "one\n"
        assert os.access(made / "below" / "run", os.X_OK)
        assert os.readlink(made / "link") == "a"
    assert not made.exists()


def test_what_is_not_shared_comes_from_the_tree(store: Store, oid: ObjectId) -> None:
    ContentTable(store.layout.index).clear()
    with closing(SharedFiles(store)) as shared:
        assert Path(shared.tree(oid), "a").read_text() == "one\n"


def test_damaged_bytes_are_never_taken(store: Store, oid: ObjectId) -> None:
    file = Path(store.layout.object(oid), "a")
    file.chmod(0o644)
    file.write_text("owe\n")
    with closing(SharedFiles(store)) as shared, pytest.raises(CorruptObject, match="no sound copy"):
        shared.tree(oid)


def test_without_a_manifest_there_is_nothing_to_go_by(store: Store, oid: ObjectId) -> None:
    os.unlink(store.layout.manifest(oid))
    with closing(SharedFiles(store)) as shared, pytest.raises(UnknownObject):
        shared.tree(oid)
