"""Comparing objects: every difference is listed, and what an object calls itself is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.audit import compare as comparing
from store.audit.compare import ObjectTree, compare, explained
from store.layout.paths import Layout
from store.local.directories import make_directories
from store.model import identity
from store.model.verdict import Difference
from store.objects.ingest import ingest, ingest_outputs


@pytest.fixture
def root(tmp_path: Path) -> str:
    made = str(tmp_path / "root")
    make_directories(Layout(made))
    return made


def tree(root: str, folder: Path, **files: str | None) -> ObjectTree:
    """An object of these files; of ``None``, a folder."""
    folder.mkdir()
    for name, content in files.items():
        if content is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_text(content)
    found = ObjectTree.load(root, ingest(root, str(folder), "tree").id)
    assert found is not None
    return found


def itself(root: str, folder: Path, salt: str, text: str) -> ObjectTree:
    """An object that names itself, built at the scratch path of ``salt``."""
    scratch = identity.scratch("tree", "out", salt)
    folder.mkdir()
    (folder / "where").write_text(f"at {scratch.path}\n{text}")
    os.symlink(scratch.path, folder / "link")
    manifest = ingest_outputs(root, {scratch: str(folder)})[scratch]
    found = ObjectTree.load(root, manifest.id)
    assert found is not None
    return found


def test_equal_trees_have_no_differences(root: str, tmp_path: Path) -> None:
    one = tree(root, tmp_path / "one", a="x", b="y")
    assert compare(one, one) == ()


def test_what_is_missing_extra_or_of_another_kind_is_listed(root: str, tmp_path: Path) -> None:
    one = tree(root, tmp_path / "one", gone="x", kind="y", same="z")
    other = tree(root, tmp_path / "other", kind=None, new="x", same="z")
    assert [(item.path, item.kind) for item in compare(one, other)] == [
        ("gone", "missing"),
        ("kind", "kind"),
        ("new", "extra"),
    ]


def test_contents_are_explained_and_sizes_told(root: str, tmp_path: Path) -> None:
    one = tree(root, tmp_path / "one", a="one\ntwo\n", b="longer")
    other = tree(root, tmp_path / "other", a="one\ntvo\n", b="long")
    assert compare(one, other) == (
        Difference("a", "content", 5, "line 2", "'two' / 'tvo'"),
        Difference("b", "size", 4, "line 1", "6 bytes / 4 bytes; 'longer' / 'long'"),
    )


def test_executable_bits_and_links_are_compared(root: str, tmp_path: Path) -> None:
    for name, mode, target in (("one", 0o644, "here"), ("other", 0o755, "there")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tool").write_text("x")
        (tmp_path / name / "tool").chmod(mode)
        (tmp_path / name / "link").symlink_to(target)
    trees = [
        ObjectTree.load(root, ingest(root, str(tmp_path / name), "tree").id)
        for name in ("one", "other")
    ]
    assert trees[0] is not None
    assert trees[1] is not None
    assert [(item.path, item.kind, item.detail) for item in compare(trees[0], trees[1])] == [
        ("link", "link", "'here' / 'there'"),
        ("tool", "mode", "not executable / executable"),
    ]


def test_an_object_that_is_a_file_is_called_by_a_dot(root: str, tmp_path: Path) -> None:
    found = []
    for text in ("one", "two"):
        (tmp_path / text).write_text(text)
        found.append(ObjectTree.load(root, ingest(root, str(tmp_path / text), "file").id))
    assert found[0] is not None
    assert found[1] is not None
    assert [item.path for item in compare(found[0], found[1])] == ["."]


def test_what_objects_call_themselves_is_no_difference(root: str, tmp_path: Path) -> None:
    one = itself(root, tmp_path / "one", "", "text\n")
    again = itself(root, tmp_path / "again", "other", "text\n")
    assert one.manifest.id == again.manifest.id, "another scratch path, the same object"
    other = itself(root, tmp_path / "other", "", "tent\n")
    assert [(item.path, item.place) for item in compare(one, other)] == [("where", "line 2")]


def test_objects_that_differ_only_in_who_is_named_are_not_the_same(
    root: str, tmp_path: Path
) -> None:
    one = itself(root, tmp_path / "one", "", "text\n")
    folder = tmp_path / "copy"
    folder.mkdir()
    (folder / "where").write_text(f"at {one.manifest.id.path}\ntext\n")
    (folder / "link").symlink_to(one.manifest.id.path)
    copy = ObjectTree.load(root, ingest(root, str(folder), "tree").id)
    assert copy is not None
    assert compare(one, copy), "the copy names the original where that names itself"


def test_an_object_that_is_not_there_cannot_be_compared(root: str, tmp_path: Path) -> None:
    one = tree(root, tmp_path / "one", a="x")
    absent = identity.scratch("tree", "out")
    assert explained(root, one.manifest.id, root, absent) == ()


def test_of_large_files_the_first_difference_is_found(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "LARGEST", 1 << 20)
    same = "x" * (5 << 20)
    one, other = itself(root, tmp_path / "1", "1", same), itself(root, tmp_path / "2", "2", same)
    assert compare(one, other) == ()
    one, other = (tree(root, tmp_path / f"of-{end}", a=same + end, b=same) for end in "ab")
    assert compare(one, other) == (Difference("a", "content", 5 << 20, "", ""),)
    longer = tree(root, tmp_path / "longer", a=same + "ab", b=same)
    (found,) = compare(one, longer)
    assert (found.kind, found.offset) == ("size", (5 << 20) + 1)


def test_only_so_many_differences_are_listed(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "MOST", 10)
    one, other = (
        tree(root, tmp_path / end, **{f"{n:02}": end for n in range(count)})
        for end, count in (("a", 11), ("b", 12))
    )
    found = compare(one, other)
    assert [item.path for item in found] == [*(f"{n:02}" for n in range(10)), "."]
    assert found[-1].detail == "more than these 10 differ"


def test_of_long_paths_fewer_differences_are_listed(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "MOST_TEXT", 1000)
    one, other = (
        tree(root, tmp_path / end, **{f"{n:0200}": end for n in range(20)}) for end in "ab"
    )
    *listed, last = compare(one, other)
    assert len(listed) < 8
    assert last.detail == f"more than these {len(listed)} differ"
