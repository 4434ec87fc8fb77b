"""Unpacking: the parts that options select, and that no archive gets out of its folder."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import InvalidName
from store.job_errors import BadArchive
from store.unpack import compression
from store.unpack.extract import UnpackOptions, unpack
from store.unpack.selection import UnpackLimits

Maker = Callable[[tarfile.TarFile], None]


def add(tar: tarfile.TarFile, name: str, content: bytes = b"", **fields: object) -> None:
    """One member; ``fields`` are TarInfo's."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    tar.addfile(info, io.BytesIO(content))


def link(tar: tarfile.TarFile, name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> None:
    add(tar, name, type=kind, linkname=target)


def tar_bytes(make: Maker, **options: object) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **options) as tar:  # type: ignore[call-overload]
        make(tar)
    return buffer.getvalue()


def simple(tar: tarfile.TarFile) -> None:
    add(tar, "top", type=tarfile.DIRTYPE, mode=0o700)
    add(tar, "top/run", b"#!/bin/sh\n", mode=0o4755)
    add(tar, "top/sub/data", b"data", mode=0o666)
    link(tar, "top/sub/link", "/absolute/../as it is")
    link(tar, "top/hard", "top/sub/data", tarfile.LNKTYPE)


def deb_bytes(data: bytes, name: bytes = b"data.tar.xz") -> bytes:
    def member(member_name: bytes, content: bytes) -> bytes:
        header = member_name.ljust(16) + b"0".ljust(32) + b"%d" % len(content)
        return header.ljust(58) + b"`\n" + content + b"\n" * (len(content) % 2)

    return (
        b"!<arch>\n"
        + member(b"debian-binary", b"2.0\n")
        + member(b"control.tar.gz", gzip.compress(b"odd", mtime=0))
        + member(name, data)
    )


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Path]:
    """A folder to work in; whatever a test unpacks, nothing but the files it names appears."""
    witness = tmp_path / "witness"
    witness.write_bytes(b"untouched")
    yield tmp_path
    assert witness.read_bytes() == b"untouched"
    assert os.stat(witness).st_nlink == 1
    assert set(os.listdir(tmp_path)) <= {"witness", "out", "a", "b"}


def run(box: Path, *archives: bytes, options: tuple[str, ...] = ()) -> dict[str, str]:
    """Unpack, and describe each path of the result."""
    paths = []
    for name, content in zip("ab", archives, strict=False):
        (box / name).write_bytes(content)
        paths.append(str(box / name))
    unpack(paths, str(box / "out"), UnpackOptions.parse(options))
    return listing(box / "out")


def listing(top: Path) -> dict[str, str]:
    """Each path below ``top``: ``dir``, ``-> target``, or ``[x ]content``."""
    found = {}
    for folder, names, files in os.walk(top):
        for name in [*names, *files]:
            path = Path(folder, name)
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                text = f"-> {path.readlink()}"
            elif stat.S_ISDIR(status.st_mode):
                assert stat.S_IMODE(status.st_mode) == 0o755
                text = "dir"
            else:
                mode = stat.S_IMODE(status.st_mode)
                assert mode in (0o644, 0o755)
                text = ("x " if mode == 0o755 else "") + path.read_bytes().decode()
            found[str(path.relative_to(top))] = text
    return found


def refused(box: Path, *archives: bytes, match: str, options: tuple[str, ...] = ()) -> None:
    with pytest.raises(BadArchive, match=match) as caught:
        run(box, *archives, options=options)
    assert str(box) in caught.value.message or match.startswith("link=")


SIMPLE = {
    "top": "dir",
    "top/run": "x #!/bin/sh\n",
    "top/sub": "dir",
    "top/sub/data": "data",
    "top/sub/link": "-> /absolute/../as it is",
    "top/hard": "data",
}


@pytest.mark.parametrize(
    "pack",
    [
        bytes,
        gzip.compress,
        bz2.compress,
        lzma.compress,
        lambda data: deb_bytes(lzma.compress(data)),
        lambda data: deb_bytes(gzip.compress(data), b"data.tar.gz/"),
        lambda data: deb_bytes(data, b"data.tar"),
    ],
)
def test_each_format_is_told_by_its_content(box: Path, pack: Callable[[bytes], bytes]) -> None:
    assert run(box, pack(tar_bytes(simple))) == SIMPLE
    out = box / "out" / "top"
    assert (out / "hard").stat().st_ino == (out / "sub" / "data").stat().st_ino


def test_the_umask_does_not_count(box: Path) -> None:
    before = os.umask(0o077)
    try:
        assert run(box, tar_bytes(simple)) == SIMPLE
    finally:
        os.umask(before)


def zip_bytes(*entries: tuple[str, bytes, int]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def test_a_zip_gives_files_folders_and_links(box: Path) -> None:
    archive = zip_bytes(
        ("pkg/", b"", stat.S_IFDIR | 0o700),
        ("pkg/tool", b"tool", stat.S_IFREG | 0o700),
        ("pkg/plain", b"plain", 0),
        ("pkg/link", b"plain", stat.S_IFLNK | 0o777),
    )
    assert run(box, archive) == {
        "pkg": "dir",
        "pkg/tool": "x tool",
        "pkg/plain": "plain",
        "pkg/link": "-> plain",
    }


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_foreign_names_are_kept_as_bytes(box: Path, form: int) -> None:
    long = "/".join(["d" * 90] * 3)
    raw = b"caf\xe9"

    def make(tar: tarfile.TarFile) -> None:
        add(tar, f"{long}/file", b"1")
        link(tar, "link", long)
        add(tar, os.fsdecode(raw), b"2")
        add(tar, "ü", b"3")

    content = tar_bytes(make, format=form, encoding="utf-8", errors="surrogateescape")
    (box / "a").write_bytes(content)
    unpack([str(box / "a")], str(box / "out"), UnpackOptions())
    assert (box / "out" / long / "file").read_bytes() == b"1"
    assert str((box / "out" / "link").readlink()) == long
    assert sorted(os.listdir(os.fsencode(box / "out"))) == [
        raw,
        b"d" * 90,
        b"link",
        "ü".encode(),
    ]


def test_a_sparse_file_gets_its_holes_back(box: Path) -> None:
    # The GNU format of old: a map of (offset, size) in the header, the data after it.
    header = bytearray(
        tarfile.TarInfo("sparse").tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    )
    header[124:136] = b"%011o\0" % 1024
    header[156:157] = b"S"
    pairs = [(512, 512), (4096, 512)]
    for place, (offset, size) in zip((386, 410), pairs, strict=True):
        header[place : place + 24] = b"%011o\0%011o\0" % (offset, size)
    header[483:495] = b"%011o\0" % 8192
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    content = bytes(header) + b"a" * 512 + b"b" * 512 + bytes(1024)
    run(box, gzip.compress(content))
    data = (box / "out" / "sparse").read_bytes()
    assert data == bytes(512) + b"a" * 512 + bytes(3072) + b"b" * 512 + bytes(3584)


# Selection


def test_strip_drops_leading_parts_and_what_has_no_more(box: Path) -> None:
    assert set(run(box, tar_bytes(simple), options=("strip=2",))) == {"data", "link"}


def tree(*names: str) -> bytes:
    def make(tar: tarfile.TarFile) -> None:
        for name in names:
            add(tar, name, name.encode())

    return tar_bytes(make)


def files(found: dict[str, str]) -> set[str]:
    return {path for path, what in found.items() if what != "dir"}


TREE = tree("s/a.c", "s/b.h", "s/t/a.c", "s/t/u/c.c", "s/test/x", "s/tests", "s/[odd]")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("include=t",), {"t/a.c", "t/u/c.c"}),
        (("include=t/",), {"t/a.c", "t/u/c.c"}),
        (("include=*.c",), {"a.c"}),
        (("include=**/*.c",), {"a.c", "t/a.c", "t/u/c.c"}),
        (("include=t/**",), {"t/a.c", "t/u/c.c"}),
        (("include=?.[ch]",), {"a.c", "b.h"}),
        (("include=?.[!c]",), {"b.h"}),
        (("include=t", "include=b.h", "exclude=t/u"), {"t/a.c", "b.h"}),
        (("exclude=test", "exclude=t"), {"a.c", "b.h", "tests", "[odd]"}),
        (("exclude=te*",), {"a.c", "b.h", "t/a.c", "t/u/c.c", "[odd]"}),
        (("exclude=**/*.c", "exclude=test"), {"b.h", "tests", "[odd]"}),
        (("include=[[]odd[]]",), {"[odd]"}),
    ],
)
def test_globs_name_paths_from_the_top(
    box: Path, options: tuple[str, ...], expected: set[str]
) -> None:
    assert files(run(box, TREE, options=("strip=1", *options))) == expected


def test_what_is_excluded_leaves_no_empty_folders(box: Path) -> None:
    assert "t" not in run(box, TREE, options=("strip=1", "exclude=t"))


def test_a_move_takes_a_folder_and_all_below_but_no_link(box: Path) -> None:
    first = tree("bin/sh", "binary", "usr/bin/env", "lib/x/y")

    def make(tar: tarfile.TarFile) -> None:
        link(tar, "bin", "usr/bin")
        add(tar, "lib", type=tarfile.DIRTYPE)

    options = ("move=bin:usr/bin", "move=lib:usr/lib", "link=bin:usr/bin", "link=lib:usr/lib")
    found = run(box, first, tar_bytes(make), options=options)
    assert files(found) == {"usr/bin/sh", "usr/bin/env", "usr/lib/x/y", "binary", "bin", "lib"}
    assert (box / "out" / "bin" / "sh").read_bytes() == b"bin/sh"


def test_a_hard_link_follows_its_target_to_another_place(box: Path) -> None:
    def make(tar: tarfile.TarFile) -> None:
        add(tar, "p/bin/perl", b"perl", mode=0o755)
        link(tar, "p/bin/perl5", "p/bin/perl", tarfile.LNKTYPE)

    found = run(box, tar_bytes(make), options=("strip=1", "move=bin:usr/bin"))
    assert found["usr/bin/perl5"] == "x perl"


def test_a_hard_link_to_something_left_out_is_refused_with_advice(box: Path) -> None:
    with pytest.raises(BadArchive, match="which is not unpacked") as caught:
        run(box, tar_bytes(simple), options=("exclude=top/sub",))
    assert caught.value.hint == "include both or exclude both"


@pytest.mark.parametrize("pack", [lzma.compress, bytes])
def test_a_nested_archive_is_unpacked_in_place_of_the_outer(
    box: Path, pack: Callable[[bytes], bytes]
) -> None:
    def make(tar: tarfile.TarFile) -> None:
        add(tar, "o/README", b"outer")
        add(tar, "o/in-1.tar.xz", pack(tar_bytes(simple)))
        add(tar, "o/late", b"outer")

    outer = gzip.compress(tar_bytes(make))
    found = run(box, outer, options=("nested=in-*.tar.xz", "strip=1"))
    assert files(found) == {"run", "sub/data", "sub/link", "hard"}


def test_nested_names_exactly_one_archive(box: Path) -> None:
    outer = tree("o/a.tar", "o/b.tar")
    refused(box, outer, match="names nothing", options=("nested=x.tar",))
    (box / "out").rmdir()
    inner = tar_bytes(simple)

    def make(tar: tarfile.TarFile) -> None:
        add(tar, "a.tar", inner)
        add(tar, "b.tar", inner)

    refused(box, tar_bytes(make), match="names 'a.tar' and 'b.tar'", options=("nested=*.tar",))


def test_a_damaged_nested_archive_is_refused(box: Path) -> None:
    inner = bytearray(lzma.compress(tar_bytes(simple)))
    inner[len(inner) // 2] ^= 0xFF

    def make(tar: tarfile.TarFile) -> None:
        add(tar, "in.tar.xz", bytes(inner))

    refused(box, tar_bytes(make), match="xz compression", options=("nested=*.xz",))


# Several archives


def test_later_files_and_links_replace_earlier_ones(box: Path) -> None:
    def make(tar: tarfile.TarFile) -> None:
        link(tar, "x", "witness")
        add(tar, "y", b"old")
        link(tar, "hard", "y", tarfile.LNKTYPE)
        add(tar, "d/one", b"1")

    def make_later(tar: tarfile.TarFile) -> None:
        add(tar, "x", b"new", mode=0o755)
        add(tar, "y", b"new")
        add(tar, "d", type=tarfile.DIRTYPE)
        add(tar, "d/two", b"2")

    found = run(box, tar_bytes(make), tar_bytes(make_later))
    assert found["x"] == "x new"
    assert (found["y"], found["hard"]) == ("new", "old")
    assert {"d/one", "d/two"} <= set(found)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_folder_and_something_else_do_not_merge(box: Path, kind: bytes) -> None:
    def make(tar: tarfile.TarFile) -> None:
        add(tar, "z", b"z")
        add(tar, "d", type=kind, linkname="z")

    refused(box, tree("d/file"), tar_bytes(make), match="'d' is a folder")
    for path in (box / "out" / "d" / "file", box / "out" / "z"):
        path.unlink()
    (box / "out" / "d").rmdir()
    (box / "out").rmdir()
    refused(box, tar_bytes(make), tree("d/file"), match="is a link or file")


def test_a_link_of_the_options_is_made_only_where_nothing_is(box: Path) -> None:
    with pytest.raises(BadArchive, match="something else is at 'bin'"):
        run(box, tree("bin/sh"), options=("link=bin:usr/bin",))


# Hostile archives. `box` asserts that nothing appeared outside.


@pytest.mark.parametrize("name", ["/witness", "../witness", "a/../../witness", "a/..", ".."])
def test_a_path_that_leaves_the_tree_is_refused(box: Path, name: str) -> None:
    refused(box, tree(name), match="absolute path|leaves the tree")
    assert listing(box / "out") == {}


@pytest.mark.parametrize("name", ["/witness", "../witness", "a/../../witness"])
def test_a_zip_with_such_a_path_is_refused(box: Path, name: str) -> None:
    refused(box, zip_bytes((name, b"x", 0)), match="absolute path|leaves the tree")


def test_a_path_is_refused_even_if_strip_would_make_it_tame(box: Path) -> None:
    refused(box, tree("../x/witness"), match="leaves the tree", options=("strip=2",))


@pytest.mark.parametrize("target", ["..", "/tmp", ".", "sub"])
def test_nothing_is_written_through_a_link(box: Path, target: str) -> None:
    def make(tar: tarfile.TarFile) -> None:
        add(tar, "sub", type=tarfile.DIRTYPE)
        link(tar, "door", target)
        add(tar, "door/witness", b"overwritten")

    refused(box, tar_bytes(make), match="'door' is a link or file")
    assert files(listing(box / "out")) == {"door"}


def test_nothing_is_written_through_a_link_of_an_earlier_archive(box: Path) -> None:
    def make(tar: tarfile.TarFile) -> None:
        link(tar, "door", str(box))

    refused(box, tar_bytes(make), tree("door/witness"), match="is a link or file")


def test_a_file_takes_the_place_of_a_link_not_of_its_target(box: Path) -> None:
    def make(tar: tarfile.TarFile) -> None:
        link(tar, "x", "../witness")
        add(tar, "x", b"overwritten")

    assert run(box, tar_bytes(make)) == {"x": "overwritten"}


@pytest.mark.parametrize("target", ["../witness", "/etc/passwd", "door/witness"])
def test_a_hard_link_to_the_outside_is_refused(box: Path, target: str) -> None:
    def make(tar: tarfile.TarFile) -> None:
        link(tar, "door", "..")
        link(tar, "x", target, tarfile.LNKTYPE)
        add(tar, "x", b"overwritten")

    refused(box, tar_bytes(make), match="absolute|leaves the tree|is a link or file")


def test_a_hard_link_to_a_link_does_not_reach_its_target(box: Path) -> None:
    def make(tar: tarfile.TarFile) -> None:
        link(tar, "door", "../witness")
        link(tar, "x", "door", tarfile.LNKTYPE)
        add(tar, "x", b"overwritten")

    assert run(box, tar_bytes(make)) == {"door": "-> ../witness", "x": "overwritten"}


@pytest.mark.parametrize("target", ["none", "none/none"])
def test_a_hard_link_to_nothing_is_refused(box: Path, target: str) -> None:
    def make(tar: tarfile.TarFile) -> None:
        link(tar, "x", target, tarfile.LNKTYPE)

    refused(box, tar_bytes(make), match="which is missing")


def test_a_hard_link_to_itself_changes_nothing(box: Path) -> None:
    def make(tar: tarfile.TarFile) -> None:
        add(tar, "x", b"kept")
        link(tar, "x", "./x", tarfile.LNKTYPE)

    assert run(box, tar_bytes(make)) == {"x": "kept"}


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Z"])
def test_a_device_or_fifo_is_refused_unless_left_out(box: Path, kind: bytes) -> None:
    def make(tar: tarfile.TarFile) -> None:
        add(tar, "x", type=kind)
        add(tar, "y", b"y")

    if kind != b"Z":  # tarfile takes an unknown kind for a file, as the format asks
        refused(box, tar_bytes(make), match="'x', which is a device")
        (box / "out").rmdir()
    assert run(box, tar_bytes(make), options=("exclude=x",)) == {"y": "y"}


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_a_special_file_in_a_zip_is_refused(box: Path, kind: int) -> None:
    refused(box, zip_bytes(("x", b"", kind | 0o644)), match="'x', which is a device")


def test_a_name_that_cannot_be_made_is_refused(box: Path) -> None:
    refused(box, tree("n" * 300), match="a name that cannot be made")


def test_names_with_a_zero_byte_are_refused(box: Path) -> None:
    def make(tar: tarfile.TarFile) -> None:
        add(tar, "x", pax_headers={"path": "a\0b"})

    content = tar_bytes(make, format=tarfile.PAX_FORMAT)
    refused(box, content, match="leaves the tree|damaged")


@pytest.mark.parametrize("text", ["", "a\0b"])
def test_a_link_without_a_proper_target_is_refused(box: Path, text: str) -> None:
    refused(box, zip_bytes(("x", text.encode(), stat.S_IFLNK | 0o777)), match="proper target")


# Bombs


def limited(box: Path, content: bytes, limits: UnpackLimits, match: str) -> None:
    (box / "a").write_bytes(content)
    with pytest.raises(BadArchive, match=match):
        unpack([str(box / "a")], str(box / "out"), UnpackOptions(limits=limits))
    size = sum(path.stat().st_size for path in (box / "out").rglob("*") if path.is_file())
    assert size <= limits.bytes


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_bomb_is_stopped_at_the_limit(box: Path, compress: Callable[[bytes], bytes]) -> None:
    def make(tar: tarfile.TarFile) -> None:
        add(tar, "x", bytes(8 << 20))

    limited(box, compress(tar_bytes(make)), UnpackLimits(bytes=2 << 20), "more than 2097152 bytes")


def test_a_bomb_in_a_zip_is_stopped_at_the_limit(box: Path) -> None:
    limited(box, zip_bytes(("x", bytes(8 << 20), 0)), UnpackLimits(bytes=2 << 20), "more than")


def test_a_bomb_after_the_end_mark_is_stopped_at_the_limit(box: Path) -> None:
    content = tar_bytes(simple) + bytes(8 << 20)
    limited(box, gzip.compress(content), UnpackLimits(bytes=2 << 20), "more than")


def test_too_many_entries_are_stopped(box: Path) -> None:
    limited(box, tree(*map(str, range(20))), UnpackLimits(entries=10), "more than 10 entries")


def test_a_huge_extended_header_is_not_read(box: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 33
    header = info.tobuf(tarfile.GNU_FORMAT)
    refused(box, header + bytes(1024), match="extended header of 8589934592 bytes")


# Damage


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("keep", [0.999, 0.9, 0.5, 0.1])
def test_a_truncated_archive_is_refused(
    box: Path, compress: Callable[[bytes], bytes], keep: float
) -> None:
    noise = random.Random(0).randbytes(200_000)

    def make(tar: tarfile.TarFile) -> None:
        for number in range(20):
            add(tar, f"f{number}", noise[number * 10_000 :][:10_000])

    # Without the blocks of padding after the end mark, which may go missing unharmed.
    content = tar_bytes(make).rstrip(b"\0")
    content += bytes(-len(content) % 512 + 1024)
    whole = compress(content)
    refused(box, whole[: int(len(whole) * keep) - 1024], match="damaged|too early|end mark")


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_a_flipped_bit_in_compressed_data_is_noticed(box: Path, place: float) -> None:
    whole = bytearray(gzip.compress(tree(*(f"file {n}" * 9 for n in range(500)))))
    whole[int(len(whole) * place)] ^= 1
    refused(box, bytes(whole), match="damaged|leaves|too early")


def test_a_damaged_header_is_not_taken_for_the_end(box: Path) -> None:
    whole = bytearray(tree("one", "two", "three"))
    whole[1024:1034] = b"garbage..."  # the header of "two"
    refused(box, bytes(whole), match="damaged header")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "not an archive"),
        (b"just text\n" * 100, "not an archive"),
        (gzip.compress(b"just text\n" * 100, mtime=0), "not an archive"),
        (b"\x28\xb5\x2f\xfd....", "zstd, which is not supported"),
        (deb_bytes(b"\x28\xb5\x2f\xfd....", b"data.tar.zst"), "zstd, which is not supported"),
        (deb_bytes(b"")[:90], "damaged ar header|too early"),
        (deb_bytes(lzma.compress(tar_bytes(simple)))[:-80], "too early"),
        (deb_bytes(b"", b"other"), "without data.tar"),
        (b"!<arch>\n" + b"x" * 60, "damaged ar header"),
        (zip_bytes(("x", b"x" * 999, 0))[:-30], "kind of zip"),
        (b"PK\x03\x04" + bytes(100), "kind of zip"),
    ],
)
def test_what_is_damaged_or_no_archive_is_refused(box: Path, content: bytes, match: str) -> None:
    refused(box, content, match=match)


def test_a_zip_with_a_wrong_checksum_is_refused(box: Path) -> None:
    whole = bytearray(zip_bytes(("x", random.Random(0).randbytes(999), 0)))
    whole[500] ^= 1
    refused(box, bytes(whole), match="kind of zip")


def test_an_encrypted_zip_is_refused(box: Path) -> None:
    whole = bytearray(zip_bytes(("x", b"x", 0)))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = whole.index(magic) + offset
        whole[place : place + 2] = struct.pack("<H", 1)
    refused(box, bytes(whole), match="encrypted")


def test_a_target_that_exists_is_not_merged_into(box: Path) -> None:
    (box / "out").mkdir()
    with pytest.raises(FileExistsError):
        run(box, tar_bytes(simple))


@given(st.binary(max_size=2000), st.integers(1, 700))
def test_compressed_streams_read_the_same_in_any_pieces(data: bytes, size: int) -> None:
    packed = gzip.compress(data[:500]) + b"\0\0" + gzip.compress(data[500:])
    pieces = (packed[start : start + size] for start in range(0, len(packed), size))
    meter = compression.Meter(1 << 20, 1)
    stream = compression.decompressed(compression.Stream(pieces), meter)
    assert stream is not None
    assert stream.peek(10) == data[:10]
    stream.skip(7)
    assert stream.read(1 << 20) == data[7:]


# Options as text

PARTS = st.text(
    st.characters(exclude_characters="/:\0*?[]=", exclude_categories=["Cs"]), min_size=1
).filter(lambda part: part not in (".", ".."))
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
GLOBS = st.sampled_from(["*", "**", "a*", "?", "[a-c]", "x"])
PATTERNS = st.lists(st.one_of(PARTS, GLOBS), min_size=1, max_size=3).map("/".join)
OPTIONS = st.builds(
    UnpackOptions,
    nested=st.none() | PATTERNS,
    strip=st.integers(0, 9),
    include=st.lists(PATTERNS, max_size=3).map(tuple),
    exclude=st.lists(PATTERNS, max_size=3).map(tuple),
    moves=st.lists(st.tuples(PATHS, PATHS), max_size=2).map(tuple),
    links=st.lists(st.tuples(PATHS, st.text(min_size=1).map(lambda text: f"/{text}")), max_size=2)
    .map(tuple)
    .filter(lambda links: all("\0" not in text for _, text in links)),
)


@given(OPTIONS)
def test_options_are_read_back_from_their_text(options: UnpackOptions) -> None:
    assert UnpackOptions.parse(options.args()) == options


@given(PATHS)
def test_a_plain_glob_names_exactly_its_path_and_what_is_below(path: str) -> None:
    options = UnpackOptions(include=(path,))
    assert options.destination(path, is_link=False) == path
    assert options.destination(f"{path}/x", is_link=False) == f"{path}/x"
    assert options.destination(f"{path}x", is_link=False) is None
    assert options.destination(f"x/{path}", is_link=False) in (None, f"x/{path}")


@pytest.mark.parametrize(
    "option",
    [
        "",
        "strip",
        "strip=",
        "strip=-1",
        "strip=x",
        "unknown=1",
        "include=/etc",
        "include=../x",
        "exclude=a//b",
        "nested=..",
        "move=bin",
        "move=bin:../x",
        "move=/bin:x",
        "link=a:",
        "link=../a:b",
    ],
)
def test_an_option_that_makes_no_sense_is_refused(option: str) -> None:
    with pytest.raises(InvalidName):
        UnpackOptions.parse([option])


@pytest.mark.parametrize("option", ["strip=1", "nested=x"])
def test_what_can_hold_only_once_is_refused_twice(option: str) -> None:
    with pytest.raises(InvalidName, match="is not an unpack option"):
        UnpackOptions.parse([option, option])


def test_a_zip_archive_with_a_file_without_a_name_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("x", "content")
    data = bytearray(out.getvalue())
    entry, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    # The name is now its entry's comment.
    struct.pack_into("<HHH", data, entry + 28, 0, 0, end - entry - 46)
    (tmp_path / "z.zip").write_bytes(data)
    with pytest.raises(BadArchive, match="without a name"):
        unpack([str(tmp_path / "z.zip")], str(tmp_path / "tree"), UnpackOptions())


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "device"])
def test_an_archive_that_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    archive = tmp_path / "archive"
    if kind == "link":
        (tmp_path / "secret").write_bytes(tar_bytes(simple))
        archive.symlink_to(tmp_path / "secret")
    elif kind == "fifo":
        os.mkfifo(archive)
    elif kind == "folder":
        archive.mkdir()
    else:
        archive.symlink_to("/dev/zero")
    with pytest.raises(BadArchive, match="has to be a file"):
        unpack([str(archive)], str(tmp_path / "tree"), UnpackOptions.parse([]))


def test_what_is_damaged_is_told_in_words_and_no_fault_of_the_disk_is(box: Path) -> None:
    garbage = b"\x1f\x8b\x08\0\0\0\0\0\0\0" + random.Random(1).randbytes(1000)
    refused(box, garbage, match=r"gzip compression is damaged: [a-z ]+$")
    assert compression.words(OSError(22, "Invalid argument")) == "Invalid argument"
    with pytest.raises(OSError, match="Input/output"):
        compression.words(OSError(5, "Input/output error"))
