"""Disks: the table of partitions, the root behind it, and sizes that cannot be."""

from __future__ import annotations

import hashlib
import os
import struct

import pytest

from store.errors import FormatError
from store.images.disk_image import DiskImage
from store.images.erofs_image import ErofsImage
from store.images.image_tree import ImageFile, ImageFolder
from tests.unit.images.erofs_reader import ErofsReader
from tests.unit.images.trees import example

MIB = 1 << 20


def root_image(tree: ImageFolder | None = None) -> ErofsImage:
    """A root."""
    return ErofsImage(tree or example(), uuid=bytes(16), label=b"root")


def written(disk: DiskImage) -> bytes:
    """The disk's bytes."""
    fd = os.memfd_create("disk")
    try:
        disk.write(fd)
        return os.pread(fd, disk.total + 1, 0)
    finally:
        os.close(fd)


def partitions(disk: bytes) -> list[tuple[int, int, int]]:
    """Type, beginning and size of each partition in use."""
    assert disk[510:512] == b"\x55\xaa"
    entries = [struct.unpack_from("<4xB3xII", disk, 446 + 16 * number) for number in range(4)]
    return [(kind, start * 512, size * 512) for kind, start, size in entries if kind]


def test_the_smallest_disk_has_the_root_alone() -> None:
    disk = written(DiskImage(root_image(), b"sign"))
    assert len(disk) == 2 * MIB
    assert partitions(disk) == [(0x83, MIB, MIB)]
    assert disk[440:444] == b"sign"
    assert b"bin/program" in ErofsReader(disk[MIB:]).tree()


def test_the_rest_of_a_larger_disk_is_the_second_partition() -> None:
    disk = written(DiskImage(root_image(), b"sign", 9 * MIB + 512))
    assert len(disk) == 9 * MIB + 512
    assert partitions(disk) == [(0x83, MIB, MIB), (0x83, 2 * MIB, 7 * MIB)]
    assert not any(disk[2 * MIB :])


def test_a_rest_that_is_too_small_is_no_partition() -> None:
    assert len(partitions(written(DiskImage(root_image(), b"sign", 3 * MIB - 512)))) == 1


def test_the_bytes_of_a_disk_are_the_committed_ones() -> None:
    found = hashlib.sha256(written(DiskImage(root_image(), b"sign", 4 * MIB))).hexdigest()
    assert found == "6275d3293a1cb6aa2ef88e435a553224812d4de44018303a4b8cd9570510eabb"


@pytest.mark.parametrize("size", [512, MIB, 2 * MIB - 512])
def test_a_disk_smaller_than_its_root_is_refused(size: int) -> None:
    with pytest.raises(FormatError, match=r"has 2\.0 MiB at least \(2097152 bytes\)"):
        DiskImage(root_image(), b"sign", size)


def test_a_disk_of_half_sectors_is_refused() -> None:
    with pytest.raises(FormatError, match="sector"):
        DiskImage(root_image(), b"sign", 4 * MIB + 1)


def test_a_disk_beyond_its_table_is_refused() -> None:
    with pytest.raises(FormatError, match="at most"):
        DiskImage(root_image(), b"sign", 1 << 41)
    large = ImageFolder()
    large.add(b"large", ImageFile(0o444, 1 << 41, "/nowhere"))
    with pytest.raises(FormatError, match="at most"):
        DiskImage(root_image(large), b"sign")
