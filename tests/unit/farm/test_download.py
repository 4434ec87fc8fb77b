"""Outputs that a server names: written once, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from store.errors import FormatError, ServerUnusable
from store.farm.download import OutputDownload
from store.job_errors import DiskReserve
from store.reapi.blob import EMPTY, BlobDigest, BlobPiece, blob_of
from store.reapi.messages import message
from store.reapi.server import Server


class Blobs:
    """A server with these blobs."""

    name = "grpc://farm.example:1"

    def __init__(self) -> None:
        self.data: dict[BlobDigest, bytes] = {}

    def keep(self, data: bytes) -> Any:
        digest = blob_of(data).digest
        self.data[digest] = data
        return message("Digest")(hash=digest.hash, size_bytes=digest.size)

    def read_small(self, digests: Sequence[BlobDigest], most: int) -> dict[BlobDigest, bytes]:
        return {each: self.data[each] for each in digests if each in self.data}

    def read(self, digests: Sequence[BlobDigest]) -> Iterator[BlobPiece]:
        for each in digests:
            if each in self.data and each != EMPTY:
                middle = each.size // 2
                yield BlobPiece(each, 0, self.data[each][:middle])
                yield BlobPiece(each, middle, self.data[each][middle:])


def folder(blobs: Blobs, top: Any, *below: Any) -> Any:
    tree = message("Tree")(root=top, children=below)
    return message("OutputDirectory")(tree_digest=blobs.keep(tree.SerializeToString()))


def download(blobs: Blobs, into: Path, output: Any, reserve: int = 0) -> None:
    found = OutputDownload(cast(Server, blobs), str(into), reserve)
    found.add("out", output, "folder")
    found.run()


def test_a_tree_is_written_as_it_is_named(tmp_path: Path) -> None:
    blobs = Blobs()
    low = message("Directory")()
    low.files.add(name="again", digest=blobs.keep(b"some bytes"))
    top = message("Directory")()
    top.files.add(name="tool", digest=blobs.keep(b"some bytes"), is_executable=True)
    top.files.add(name="empty", digest=blobs.keep(b""))
    top.directories.add(name="low", digest=blobs.keep(low.SerializeToString()))
    top.symlinks.add(name="link", target="/etc/passwd")
    download(blobs, tmp_path, folder(blobs, top, low))
    assert (tmp_path / "out/tool").read_bytes() == b"some bytes"
    assert (tmp_path / "out/tool").stat().st_mode & 0o111
    assert (tmp_path / "out/low/again").read_bytes() == b"some bytes"
    assert (tmp_path / "out/empty").read_bytes() == b""
    assert (tmp_path / "out/link").readlink() == Path("/etc/passwd")


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "/x", "a\0b"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    blobs = Blobs()
    for kind in ("files", "symlinks", "directories"):
        top = message("Directory")()
        entry = getattr(top, kind).add(name=name)
        if kind == "symlinks":
            entry.target = "x"
        else:
            entry.digest.CopyFrom(blobs.keep(b""))
        into = tmp_path / kind
        into.mkdir()
        with pytest.raises(FormatError):
            download(blobs, into, folder(blobs, top))


def test_nothing_is_written_through_a_link_of_the_same_name(tmp_path: Path) -> None:
    blobs = Blobs()
    low = message("Directory")()
    low.files.add(name="x", digest=blobs.keep(b"bytes"))
    top = message("Directory")()
    top.symlinks.add(name="d", target=str(tmp_path))
    top.directories.add(name="d", digest=blobs.keep(low.SerializeToString()))
    with pytest.raises(OSError, match="exists"):
        download(blobs, tmp_path, folder(blobs, top, low))
    assert not (tmp_path / "x").exists()


def test_bytes_that_lack_or_differ_are_an_error(tmp_path: Path) -> None:
    for number, wrong in enumerate((None, b"other", b"shor")):
        blobs = Blobs()
        top = message("Directory")()
        digest = blobs.keep(b"bytes")
        top.files.add(name="x", digest=digest)
        output = folder(blobs, top)
        name = blob_of(b"bytes").digest
        del blobs.data[name]
        if wrong is not None:
            blobs.data[name] = wrong
        into = tmp_path / str(number)
        into.mkdir()
        with pytest.raises(ServerUnusable):
            download(blobs, into, output)


def test_a_few_messages_cannot_stand_for_any_number_of_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.farm.download.ENTRIES_LIMIT", 100)
    blobs = Blobs()
    folders = [message("Directory")()]
    for _ in range(10):
        above = message("Directory")()
        digest = blobs.keep(folders[-1].SerializeToString())
        for name in ("a", "b"):
            above.directories.add(name=name, digest=digest)
        folders.append(above)
    with pytest.raises(FormatError, match="too many"):
        download(blobs, tmp_path, folder(blobs, folders[-1], *folders[:-1]))


def test_a_disk_is_not_filled(tmp_path: Path) -> None:
    blobs = Blobs()
    top = message("Directory")()
    top.files.add(name="x", digest=message("Digest")(hash=EMPTY.hash, size_bytes=1 << 45))
    with pytest.raises(DiskReserve):
        download(blobs, tmp_path, folder(blobs, top))
