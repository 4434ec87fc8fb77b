"""Archives of trees, read back by Python and by the tar of the machine."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given

from store.errors import CorruptObject
from store.images.image_tree import ImageFile, ImageFolder, ImageLink
from store.images.tar_image import TarImage
from tests.unit.images.trees import TREES, example, facts, other_order

KINDS = {tarfile.REGTYPE: 0o100000, tarfile.DIRTYPE: 0o040000, tarfile.SYMTYPE: 0o120000}


def written(root: ImageFolder) -> bytes:
    """The archive's bytes."""
    image = TarImage(root.walk())
    fd = os.memfd_create("tar")
    try:
        image.write(fd)
        assert os.fstat(fd).st_size == image.size
        return os.pread(fd, image.size, 0)
    finally:
        os.close(fd)


def read(data: bytes) -> dict[bytes, tuple[int, bytes]]:
    """Mode with type and bytes of each member; a hard link has those of the file."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            assert (member.uid, member.gid, member.mtime) == (0, 0, 1)
            body = os.fsencode(member.linkname)
            whole = member
            if member.islnk():
                whole = tar.getmember(member.linkname)
            if whole.isreg():
                file = tar.extractfile(whole)
                assert file is not None
                body = file.read()
            mode = KINDS[whole.type] | whole.mode
            found[os.fsencode(member.name)] = mode, b"" if member.isdir() else body
    return found


@pytest.mark.slow
@given(TREES)
def test_a_tree_is_read_back_as_it_was(root: ImageFolder) -> None:
    data = written(root)
    assert read(data) == {path: each for path, each in facts(root).items() if path}
    assert written(other_order(root)) == data


def test_the_bytes_of_an_archive_are_the_committed_ones() -> None:
    found = hashlib.sha256(written(example())).hexdigest()
    assert found == "02015856872857788ffbcfeb845a030b86ac192bf3ee2d1c63d2e015d35e1f84"


def test_equal_files_are_hard_links_but_not_those_that_may_be_written_to() -> None:
    root = ImageFolder()
    for name in (b"a", b"b"):
        root.add(name, ImageFile(0o444, 2, b"ab", b"content"))
        root.add(name + b"-own", ImageFile(0o644, 2, b"ab"))
    with tarfile.open(fileobj=io.BytesIO(written(root))) as tar:
        assert [member.name for member in tar if member.islnk()] == ["b"]


def test_tar_unpacks_it_as_it_is(tmp_path: Path) -> None:
    root = example()
    (tmp_path / "out").mkdir()
    subprocess.run(
        ["tar", "-xpf", "-", "--no-same-owner", "-C", tmp_path / "out"],
        input=written(root),
        check=True,
    )
    top = os.fsencode(tmp_path / "out")
    found = {}
    for path, node in root.walk():
        place = os.path.join(top, path)
        body = b""
        if isinstance(node, ImageFile):
            with open(place, "rb") as file:
                body = file.read()
        elif isinstance(node, ImageLink):
            body = os.readlink(place)
        found[path] = os.lstat(place).st_mode, body
    assert found == {path: each for path, each in facts(root).items() if path}


def test_a_file_of_nine_gigabytes_has_its_size() -> None:
    size = (9 << 30) + 1
    image = TarImage([(b"large", ImageFile(0o444, size, "/nowhere"))])
    assert image.size == 512 + size + 511 + 1024


def test_a_file_of_another_size_than_said_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12")
    root = ImageFolder()
    root.add(b"file", ImageFile(0o444, 3, str(tmp_path / "file")))
    with pytest.raises(CorruptObject, match="3 bytes"):
        written(root)
