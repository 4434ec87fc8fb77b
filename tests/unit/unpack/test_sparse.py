"""Files with holes in them, in each form that GNU tar writes."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from store.job_errors import BadArchive
from store.unpack.extract import unpack
from store.unpack.selection import UnpackOptions
from tests.unit.unpack.test_extract import add, tar_bytes

CONTENT = b"\0" * 512 + b"first" + b"\0" * 507 + b"second" + b"\0" * 70
PIECES = ((512, 5), (1024, 6))
DATA = b"firstsecond"

KEY = "GNU.sparse."


def unpacked(tmp_path: Path, headers: dict[str, str], data: bytes) -> Path:
    """The folder into which an archive with one sparse file was unpacked."""
    archive = tmp_path / "archive.tar"
    archive.write_bytes(tar_bytes(lambda tar: add(tar, "file", data, pax_headers=headers)))
    unpack([str(archive)], str(tmp_path / "out"), UnpackOptions())
    return tmp_path / "out"


def test_a_map_in_the_header_is_heeded(tmp_path: Path) -> None:
    text = ",".join(str(number) for piece in PIECES for number in piece)
    headers = {f"{KEY}size": str(len(CONTENT)), f"{KEY}map": text, f"{KEY}name": "named"}
    assert (unpacked(tmp_path, headers, DATA) / "named").read_bytes() == CONTENT


def in_front(pieces: tuple[tuple[int, int], ...]) -> bytes:
    """A map as it lies before the data."""
    lines = [str(len(pieces)), *(str(number) for piece in pieces for number in piece)]
    text = "".join(f"{line}\n" for line in lines).encode()
    return text.ljust(-(-len(text) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE, b"\0")


FRONT = {f"{KEY}major": "1", f"{KEY}minor": "0", f"{KEY}realsize": str(len(CONTENT))}


def test_a_map_before_the_data_is_heeded(tmp_path: Path) -> None:
    found = unpacked(tmp_path, FRONT, in_front(PIECES) + DATA) / "file"
    assert found.read_bytes() == CONTENT


def test_a_map_of_many_blocks_is_read(tmp_path: Path) -> None:
    pieces = tuple((2 * at, 1) for at in range(500))
    headers = FRONT | {f"{KEY}realsize": "1000"}
    found = unpacked(tmp_path, headers, in_front(pieces) + b"x" * 500) / "file"
    assert found.read_bytes() == b"x\0" * 500


@pytest.mark.parametrize(
    ("headers", "data", "match"),
    [
        ({f"{KEY}size": "9", f"{KEY}map": "1,2,3"}, b"", "damaged map"),
        ({f"{KEY}size": "9", f"{KEY}map": "1,x"}, b"", "damaged pax header"),
        ({f"{KEY}size": "9", f"{KEY}map": "4,2,5,1"}, b"abc", "pieces overlap"),
        ({f"{KEY}size": "9", f"{KEY}map": "8,5"}, b"abcde", "lie outside"),
        (FRONT, b"9\n", "map is cut short"),
        (FRONT, b"1" * 2048, "damaged"),
        (FRONT, b"words\n".ljust(512, b"\0"), "damaged"),
    ],
)
def test_a_damaged_map_is_refused(
    tmp_path: Path, headers: dict[str, str], data: bytes, match: str
) -> None:
    with pytest.raises(BadArchive, match=match):
        unpacked(tmp_path, headers, data)
