"""Trees of images: paths that can be, and those that cannot."""

from __future__ import annotations

import pytest

from store.errors import FormatError
from store.images.image_tree import ImageFile, ImageFolder, ImageLink


def test_folders_on_the_way_are_made() -> None:
    root = ImageFolder()
    root.add(b"a/b/c", ImageFile.of(b"text"))
    assert [path for path, _ in root.walk()] == [b"a", b"a/b", b"a/b/c"]
    assert root.get(b"a/b/c") == ImageFile.of(b"text")
    assert root.get(b"a/b/c/d") is root.get(b"x") is None


def test_a_walk_is_sorted_and_has_folders_before_their_entries() -> None:
    root = ImageFolder()
    for path in (b"b", b"a.b", b"a/z", b"a/b"):
        root.add(path, ImageFile.of(b""))
    assert [path for path, _ in root.walk()] == [b"a", b"a/b", b"a/z", b"a.b", b"b"]


@pytest.mark.parametrize("path", [b"a", b"a/b", b"link/x"])
def test_nothing_takes_the_place_of_another(path: bytes) -> None:
    root = ImageFolder()
    root.add(b"a/b", ImageFile.of(b"first"))
    root.add(b"link", ImageLink(b"a"))
    with pytest.raises(FormatError, match="is there twice"):
        root.add(path, ImageFile.of(b"second"))


@pytest.mark.parametrize("path", [b"", b"a/", b"/a", b"a//b", b"..", b"a/./b", b"a\0", b"n" * 256])
def test_a_path_has_proper_parts(path: bytes) -> None:
    with pytest.raises(FormatError, match="cannot be a path"):
        ImageFolder().add(path, ImageFile.of(b""))


@pytest.mark.parametrize("target", [b"", b"a\0b", b"x" * 4096])
def test_a_link_has_a_proper_target(target: bytes) -> None:
    with pytest.raises(FormatError, match="proper target"):
        ImageFolder().add(b"link", ImageLink(target))


def test_an_error_shows_no_control_characters() -> None:
    with pytest.raises(FormatError) as caught:
        ImageFolder().add(b"a\x1b[31m/..", ImageFile.of(b""))
    assert caught.value.message.isprintable()


def test_folders_laid_over_each_other_stay_apart_from_their_origin() -> None:
    one, two, root = ImageFolder(0o555), ImageFolder(0o555), ImageFolder()
    one.add(b"etc/one", ImageFile.of(b"1"))
    two.add(b"etc/two", ImageFile.of(b"2"))
    root.lay(one)
    root.lay(two)
    assert [path for path, _ in root.walk()] == [b"etc", b"etc/one", b"etc/two"]
    assert [path for path, _ in one.walk()] == [b"etc", b"etc/one"]


def test_a_file_that_is_laid_out_is_not_shared_with_its_origin() -> None:
    root, other = ImageFolder(), ImageFolder()
    other.add(b"etc/x", ImageFile(0o444, 1, b"x", b"content"))
    root.lay(other)
    assert root.get(b"etc/x") == ImageFile(0o444, 1, b"x")


def test_a_folder_laid_over_a_file_is_refused() -> None:
    root, other = ImageFolder(), ImageFolder()
    root.add(b"etc", ImageFile.of(b""))
    other.add(b"etc/x", ImageFile.of(b""))
    with pytest.raises(FormatError, match="etc"):
        root.lay(other)
