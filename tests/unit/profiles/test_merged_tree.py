"""Merging: folders of one package are one link, equal files are no conflict, others are named."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from store import digest
from store.errors import PackageConflict, UsageError
from store.model.file_tree import Directory, Node, file, link
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.profiles.merged_tree import (
    MergedFolder,
    MergedLink,
    PackageTree,
    executables,
    merge,
)

Files = Mapping[str, "str | Files"]
"""Texts of files by name; one that begins with ``->`` is a link, with ``#!`` a program."""


def package(name: str, files: Files, priority: int = 5) -> PackageTree:
    """A package with these files."""
    directories: dict[bytes, Directory] = {}

    def node(value: str | Files) -> Node:
        if isinstance(value, str):
            if value.startswith("->"):
                return link(value[2:].encode())
            data = value.encode()
            return file(digest.file_digest(data), len(data), executable=value.startswith("#!"))
        folder = Directory(tuple((key.encode(), node(value[key])) for key in sorted(value)))
        directories[folder.node().payload] = folder
        return folder.node()

    root = node(files)
    oid = ObjectId(name.encode().ljust(20, b"."), name)
    return PackageTree(name, priority, Manifest(oid, (), False, root, directories))


def shown(folder: MergedFolder, *trees: PackageTree) -> object:
    """The merged tree with the packages' names for their paths."""
    found: dict[str, object] = {}
    for name, entry in folder.entries.items():
        if isinstance(entry, MergedFolder):
            found[name.decode()] = shown(entry, *trees)
            continue
        target = entry.target.decode()
        for tree in trees:
            target = target.replace(tree.manifest.id.path, tree.name)
        found[name.decode()] = target
    return found


def test_a_folder_that_one_package_has_is_one_link() -> None:
    one = package("one", {"bin": {"a": "#!a"}, "share": {"x": {"y": "y"}}})
    two = package("two", {"bin": {"b": "#!b"}, "lib": {"l": "l"}})
    assert shown(merge([one, two]), one, two) == {
        "bin": {"a": "one/bin/a", "b": "two/bin/b"},
        "lib": "two/lib",
        "share": "one/share",
    }
    assert shown(merge([]), one) == {}


def test_equal_files_folders_and_links_are_no_conflict() -> None:
    files: Files = {"a": "same", "d": {"e": "same"}, "l": "->/abs", "lib64": "->lib", "lib": {}}
    one, two = package("one", files), package("two", {**files, "lib": {"more": "m"}})
    assert shown(merge([one, two]), one, two) == {
        "a": "one/a",
        "d": "one/d",
        "l": "one/l",
        "lib": {"more": "two/lib/more"},
        "lib64": "lib",  # as in each of them: it leads to what is merged
    }


@pytest.mark.parametrize(
    ("left", "right"),
    [("a", "b"), ("a", "#!a"), ("a", "->a"), ("->a", "->b"), ("a", {}), ({"b": "b"}, "->x")],
)
def test_what_differs_is_refused_with_both_names(left: str | Files, right: str | Files) -> None:
    trees = [package("one", {"x": {"y": left}}), package("two", {"x": {"y": right}})]
    with pytest.raises(PackageConflict, match="'one' and 'two' have different files at 'x/y'"):
        merge(trees)
    with pytest.raises(PackageConflict, match="'two' and 'one'"):
        merge(trees[::-1])


@pytest.mark.parametrize("other", ["b", {"z": "z"}])
def test_the_lower_number_is_taken(other: str | Files) -> None:
    one = package("one", {"x": "a", "d": {"one": "1"}}, 3)
    two = package("two", {"x": other, "d": {"two": "2"}})
    merged = {"d": {"one": "one/d/one", "two": "two/d/two"}, "x": "one/x"}
    assert shown(merge([one, two]), one, two) == merged
    assert shown(merge([two, one]), one, two) == merged
    assert shown(merge([one._replace(priority=9), two]), one, two) == merged | {"x": "two/x"}


def test_a_message_names_a_few_of_many_conflicts() -> None:
    trees = [package(name, {str(n): name for n in range(9)}) for name in ("one", "two")]
    with pytest.raises(PackageConflict) as caught:
        merge(trees)
    lines = caught.value.message.splitlines()
    assert len(lines) == 6
    assert lines[-1] == "and so at 4 more paths"
    assert "--priority" in (caught.value.hint or "")


def test_outputs_of_one_package_are_chosen_not_weighed() -> None:
    trees = [package("one", {"x": text}) for text in ("a", "b")]
    with pytest.raises(PackageConflict) as caught:
        merge(trees)
    assert caught.value.message == "two outputs of 'one' have different files at 'x'"
    assert "--priority" not in (caught.value.hint or "")
    assert "one^out" in (caught.value.hint or "")


def test_a_package_that_is_a_file_is_refused() -> None:
    whole = package("whole", {})
    alone = whole._replace(manifest=Manifest(whole.manifest.id, (), False, file(b"d" * 32, 1), {}))
    with pytest.raises(UsageError, match="-whole is a file"):
        merge([package("one", {}), alone])


def test_programs_are_found_in_merged_folders_and_in_linked_ones() -> None:
    one = package("one", {"bin": {"a": "#!a", "data": "d", "l": "->a", "sub": {}}})
    two = package("two", {"bin": {"b": "#!b", "sub": {"x": "#!x"}}, "sbin": {"a": "#!", "c": "#!"}})
    programs = {b"a": b"bin/a", b"l": b"bin/l"}
    assert executables(merge([one]), (b"bin", b"sbin")) == programs
    assert executables(merge([one, two]), (b"bin", b"sbin")) == programs | {
        b"b": b"bin/b",
        b"c": b"sbin/c",
    }
    entry = merge([one]).entries[b"bin"]
    assert isinstance(entry, MergedLink)
    assert executables(merge([package("three", {"bin": "->usr"})]), (b"bin",)) == {}
