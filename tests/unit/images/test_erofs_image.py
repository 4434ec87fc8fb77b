"""EROFS images, read back by an own reader and by the tools of others."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given

from store.errors import CorruptObject, FormatError
from store.images.erofs_image import ErofsImage
from store.images.image_tree import ImageFile, ImageFolder, ImageLink
from tests.unit.images.erofs_reader import ErofsReader
from tests.unit.images.trees import TREES, example, facts, other_order

UUID = bytes(range(16))


def written(root: ImageFolder, label: bytes = b"") -> bytes:
    """The image's bytes."""
    image = ErofsImage(root, uuid=UUID, label=label)
    fd = os.memfd_create("image")
    try:
        image.write(fd)
        assert os.fstat(fd).st_size == image.size
        return os.pread(fd, image.size, 0)
    finally:
        os.close(fd)


@pytest.mark.slow
@given(TREES)
def test_a_tree_is_read_back_as_it_was(root: ImageFolder) -> None:
    image = written(root)
    reader = ErofsReader(image)
    found = reader.tree()
    assert {path: (inode.mode, inode.data) for path, inode in found.items()} == facts(root)
    assert {inode.mtime for inode in found.values()} == {1}
    assert {inode.owner for inode in found.values()} == {(0, 0)}
    assert reader.blocks * 4096 == len(image)
    assert written(other_order(root)) == image


def test_the_bytes_of_an_image_are_the_committed_ones() -> None:
    found = hashlib.sha256(written(example(), b"example")).hexdigest()
    assert found == "8eff6c2032c862258779be304443ae47d9bad939fa3c0eb2a2256aaa671f33d9"


def test_equal_files_are_one_inode_and_others_are_not() -> None:
    root = ImageFolder()
    for name in (b"one", b"two"):
        root.add(name, ImageFile(0o444, 2, b"ab", b"content"))
        root.add(name + b"-own", ImageFile(0o444, 2, b"ab"))
    root.add(b"program", ImageFile(0o555, 2, b"ab", b"content"))
    found = ErofsReader(written(root)).tree()
    assert found[b"one"].number == found[b"two"].number
    assert len({inode.number for inode in found.values()}) == 5
    assert [found[name].links for name in (b"one", b"one-own", b"program")] == [2, 1, 1]


def test_a_folder_has_links_of_its_folders() -> None:
    root = ImageFolder()
    root.add(b"a/b/c", ImageFile.of(b""))
    root.add(b"d", ImageLink(b"a"))
    found = ErofsReader(written(root)).tree()
    assert [found[path].links for path in (b"", b"a", b"a/b")] == [3, 3, 2]


def test_a_root_of_many_names_is_sorted_over_its_blocks() -> None:
    root = ImageFolder()
    names = [b"%05d%s" % (number, b"n" * (number % 250)) for number in range(3000)]
    for name in reversed(names):
        root.entries[name] = ImageLink(b"x")
    found = ErofsReader(written(root)).tree()
    assert sorted(found) == [b"", *names]
    assert found[b""].size > 64 * 4096


@pytest.mark.slow
def test_a_file_of_many_names_counts_them_all() -> None:
    root, count = ImageFolder(), 70_000
    file = ImageFile(0o444, 1, b"x", b"content")
    root.entries = {b"%d" % number: file for number in range(count)}
    found = ErofsReader(written(root)).tree()
    assert found[b"0"].links == count
    assert found[b"0"].mtime == 1


def test_a_file_of_five_gigabytes_is_laid_out(tmp_path: Path) -> None:
    size = (5 << 30) + 7
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(size - 4)
        file.seek(0, io.SEEK_END)
        file.write(b"last")
    root = ImageFolder()
    root.add(b"large", ImageFile(0o444, size, str(large)))
    root.add(b"small", ImageFile.of(b"behind"))
    image = ErofsImage(root, uuid=UUID)
    assert image.size == (5 << 30) + 4096


def test_a_disk_of_more_than_the_format_holds_is_refused() -> None:
    root = ImageFolder()
    root.add(b"large", ImageFile(0o444, 1 << 45, "/nowhere"))
    with pytest.raises(FormatError, match="16 TiB"):
        ErofsImage(root, uuid=UUID)


@pytest.mark.parametrize("size", [1, 4096, 300_000, 1 << 20])
@pytest.mark.parametrize("there", [-1, 1])
def test_a_file_of_another_size_than_said_is_an_error(
    tmp_path: Path, size: int, there: int
) -> None:
    (tmp_path / "file").write_bytes(bytes(size + there))
    root = ImageFolder()
    root.add(b"file", ImageFile(0o444, size, str(tmp_path / "file")))
    with pytest.raises(CorruptObject, match=f"the {size} bytes"):
        written(root)


@pytest.mark.parametrize("size", [262_144, 262_145, 1 << 20, (1 << 20) + 4065, (3 << 20) + 5])
def test_large_files_come_from_the_disk_as_they_are(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    root = ImageFolder()
    root.add(b"a", ImageFile(0o444, size, str(tmp_path / "file")))
    root.add(b"b", ImageFile(0o444, size, data))
    root.add(b"c", ImageFile.of(b"behind"))
    found = ErofsReader(written(root)).tree()
    assert found[b"a"].data == found[b"b"].data == data
    assert found[b"c"].data == b"behind"


def test_an_image_can_begin_anywhere_in_a_file(tmp_path: Path) -> None:
    image = ErofsImage(example(), uuid=UUID)
    with (tmp_path / "disk").open("w+b") as file:
        image.write(file.fileno(), 1 << 20)
        file.seek(1 << 20)
        assert file.read() == written(example())


def test_a_label_is_kept_and_a_long_one_refused() -> None:
    assert ErofsReader(written(ImageFolder(), b"fifteen-letters")).label == b"fifteen-letters"
    with pytest.raises(FormatError, match="15 bytes"):
        ErofsImage(ImageFolder(), uuid=UUID, label=b"sixteen--letters")


@pytest.fixture
def fsck() -> str:
    """Return the checker of others; a skip without it, but a failure where all tests have to
    run."""
    found = shutil.which("fsck.erofs")
    if found is None:
        if os.environ.get("IMAGE_TOOLS_REQUIRED"):
            pytest.fail("fsck.erofs is not installed")
        pytest.skip("fsck.erofs is not installed (erofs-utils)")
    return found


def test_the_checker_of_others_finds_nothing_and_the_same_tree(fsck: str, tmp_path: Path) -> None:
    root = example()
    (tmp_path / "image").write_bytes(written(root, b"example"))
    command = [fsck, "-d1", f"--extract={tmp_path}/out", "--no-preserve-owner", "--preserve-perms"]
    done = subprocess.run(
        [*command, str(tmp_path / "image")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    found = {}
    top = os.fsencode(tmp_path / "out")
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, top)] = _facts(path)
    assert found == {path: each for path, each in facts(root).items() if path}


def _facts(path: bytes) -> tuple[int, bytes]:
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return mode, os.readlink(path)
    if stat.S_ISDIR(mode):
        return mode, b""
    with open(path, "rb") as file:
        return mode, file.read()
