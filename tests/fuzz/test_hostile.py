"""Bytes that were made to cost memory or time are refused, or read in little of both."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from store import canon, digest
from store.audit import ledger_file as ledger
from store.audit.explain import explain
from store.display import printable
from store.errors import FormatError, InvalidName
from store.job_errors import BadArchive
from store.local.store import Store
from store.model import fields, identity
from store.model.file_tree import Directory
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.raw_manifest import RawManifest
from store.objects.ingest import ingest_outputs
from store.objects.tree_check import check_object
from store.system.removing import remove_tree
from store.unpack import archives, extract, selection
from store.unpack.compression import Meter
from tests.fuzz.targets import TARGETS
from tests.fuzz.within import within


def overlapping_elf(count: int, size: int) -> bytes:
    """An ELF file of ``size`` bytes with ``count`` sections, each of which is nearly all of it."""
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = ident + struct.pack("<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, 64, 0, 64, 0, 0, 64, count, 0)
    sections = (
        struct.pack("<IIQQQQIIQQ", n, 1, 0, 0, n, size - n, 0, 0, 1, 0) for n in range(count)
    )
    return (header + b"".join(sections)).ljust(size, b"a")


def ar_of_tables(count: int) -> bytes:
    """An ar archive of tables, each a gzip file that unpacks to a thousand times its size."""
    bomb = gzip.compress(bytes(40 << 20))
    header = b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (b"/", 0, 0, 0, b"0", len(bomb) + 1)
    member = header + bomb + b"%d" + b"\n" * ((len(bomb) + 1) % 2)
    return b"!<arch>\n" + member * count


def nested_gzip(levels: int) -> bytes:
    """gzip in gzip, the innermost unpacking to 160 MiB."""
    data = bytes(160 << 20)
    for _ in range(levels):
        data = gzip.compress(data, 9)
    return data


PAIRS: dict[str, Callable[[], tuple[bytes, bytes]]] = {
    "elf-overlapping": lambda: (
        overlapping_elf(65500, 5 << 20),
        overlapping_elf(65500, 5 << 20)[:-1] + b"b",
    ),
    "elf-one-byte-sections": lambda: (
        overlapping_elf(65500, 5 << 20),
        overlapping_elf(65499, 5 << 20),
    ),
    "ar-of-tables": lambda: (
        ar_of_tables(300).replace(b"%d", b"1"),
        ar_of_tables(300).replace(b"%d", b"2"),
    ),
    "nested-gzip": lambda: (nested_gzip(2), nested_gzip(2) + b"x"),
    "no-line-break": lambda: (b"a" * (40 << 20) + b"b", b"a" * (40 << 20) + b"c"),
    "line-breaks": lambda: (b"\n" * (40 << 20) + b"b", b"\n" * (40 << 20) + b"c"),
}
"""Two contents each, to be compared."""


@pytest.mark.parametrize("name", PAIRS)
def test_comparing_takes_little_memory_and_time(name: str) -> None:
    one, other = PAIRS[name]()
    within(lambda: explain(one, other))


# -- archives --


def tar_header(kind: bytes, size: int, name: bytes = b"n", **fields: bytes) -> bytes:
    """A header of GNU's kind with a right checksum; ``size`` in base 256."""
    head = bytearray(512)
    head[:100] = name.ljust(100, b"\0")
    head[100:108] = b"0000644\0"
    head[124:136] = b"\x80" + size.to_bytes(11, "big")
    head[156:157] = kind
    head[257:265] = b"ustar  \0"
    for key, value in fields.items():
        start = int(key.removeprefix("at"))
        head[start : start + len(value)] = value
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


def extended(kind: bytes, data: bytes) -> bytes:
    return tar_header(kind, len(data)) + data + bytes(-len(data) % 512)


def deb(data: bytes, name: bytes = b"data.tar") -> bytes:
    header = b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name, 0, 0, 0, b"0", len(data))
    return b"!<arch>\n" + header + data


def nested_deb(levels: int) -> bytes:
    data = b""
    for _ in range(levels):
        data = deb(data)
    return data


END = bytes(1024)
FILE = tar_header(b"0", 0)


def pax(record: bytes) -> bytes:
    return extended(b"x", record) + FILE + END


def zip_of(method: int, packed: bytes, *, size: int = 1, count: int = 1) -> bytes:
    """A zip archive whose ``count`` files are all the same bytes."""
    facts = struct.pack("<HHHHHIII", 20, 0, method, 0, 0, 0, len(packed), size)
    local = b"PK\3\4" + facts + struct.pack("<HH", 1, 0) + b"a" + packed
    entry = b"PK\1\2\x14\0" + facts + struct.pack("<HHHHHII", 1, 0, 0, 0, 0, 0, 0) + b"a"
    end = struct.pack(
        "<HHHHIIH", 0, 0, count & 0xFFFF, count & 0xFFFF, len(entry) * count, len(local), 0
    )
    return local + entry * count + b"PK\5\6" + end


def xz_with_dictionary() -> bytes:
    """An xz file whose only block says that it needs a dictionary of 4 GiB."""
    data = bytearray(lzma.compress(b"x"))
    size = 4 * (data[12] + 1)
    place = data.index(b"\x21\1", 12, 12 + size) + 2
    data[place] = 40
    data[12 + size - 4 : 12 + size] = struct.pack("<I", zlib.crc32(data[12 : 12 + size - 4]))
    return bytes(data)


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "long-names": lambda: extended(b"L", b"n") * 3000 + FILE + END,
    "long-links": lambda: extended(b"K", b"n") * 100_000,
    "pax-chain": lambda: extended(b"x", b"9 path=a\n") * 3000 + FILE + END,
    "global-pax": lambda: (
        extended(b"g", b"1000012 c=" + b"x" * 1_000_001 + b"\n") * 60 + FILE + END
    ),
    "pax-digits": lambda: pax(b"1" * 1_000_000),
    "pax-many-records": lambda: pax(b"9 path=a\n" * 100_000),
    "pax-huge-number": lambda: pax(b"500012 size=" + b"9" * 500_000 + b"\n"),
    "pax-gigabytes": lambda: tar_header(b"x", 1 << 40) + END,
    "negative-size": lambda: tar_header(b"0", 0, at124=b"\xff" * 12) + END,
    "size-of-95-bits": lambda: tar_header(b"0", 1 << 87) + END,
    "sparse-map-of-text": lambda: pax(b"999025 GNU.sparse.map=" + b"1," * 499_500 + b"11\n"),
    "sparse-blocks": lambda: (
        tar_header(b"S", 0, at482=b"\1") + (b"00000000001\0" * 42 + b"\1" + bytes(7)) * 40_000
    ),
    "sparse-petabyte": lambda: tar_header(b"S", 0, at483=b"\x80\0\0\0\0\x10" + bytes(6)) + END,
    "sparse-map-in-data": lambda: (
        extended(b"x", b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n")
        + tar_header(b"0", 20 << 20)
        + b"9999999\n"
        + b"1\n" * (10 << 20)
    ),
    "deep-path": lambda: extended(b"L", b"a/" * 500_000) + FILE + END,
    "deep-paths": lambda: (
        b"".join(extended(b"L", b"%04d/" % n + b"a/" * 1900) + FILE for n in range(100)) + END
    ),
    "nested-deb": lambda: nested_deb(1200),
    "deb-of-nothing": lambda: b"!<arch>\n" + deb(b"", b"x")[8:] * 200_000,
    "gzip-of-nothing": lambda: gzip.compress(b"") * 200_000,
    "bzip2-of-nothing": lambda: bz2.compress(b"") * 200_000,
    "xz-of-nothing": lambda: lzma.compress(b"") * 100_000,
    "gzip-with-zeros": lambda: (gzip.compress(b"") + b"\0") * 200_000,
    "gzip-bomb": lambda: gzip.compress(bytes(200 << 20)),
    "bzip2-bomb": lambda: bz2.compress(bytes(80 << 20)),
    "xz-bomb": lambda: lzma.compress(bytes(80 << 20), preset=0),
    "xz-dictionary": xz_with_dictionary,
    "zip-overlapping": lambda: zip_of(0, b"", count=300_000),
    "zip-directory": lambda: zip_of(0, b"", count=600_000),
    "zip-bzip2": lambda: zip_of(12, bz2.compress(bytes(350 << 20)), size=350 << 20),
    "zip-lzma": lambda: zip_of(14, b"\x09\x14\5\0\x5d\xff\xff\xff\xff" + bytes(100)),
    "zip-wrong-count": lambda: b"PK\3\4" + b"PK\5\6" + b"\xff" * 16 + b"\0\0",
}
"""Archives that cost memory, time or stack out of proportion."""


@pytest.mark.parametrize("name", ARCHIVES)
def test_unpacking_takes_little_memory_and_time(name: str) -> None:
    data = ARCHIVES[name]()
    limit = 64 << 20

    def read() -> None:
        with contextlib.suppress(BadArchive):
            for member in archives.members(io.BytesIO(data), Meter(limit, 100_000)):
                written = Meter(limit, 0)
                for chunk in member.chunks():
                    written.count_written(len(chunk))

    within(read, memory=300 << 20)


def test_folders_that_only_paths_name_are_counted(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(ARCHIVES["deep-paths"]())
    options = selection.UnpackOptions(limits=selection.UnpackLimits(1 << 20, 1000))
    with pytest.raises(BadArchive, match="more than 1000 folders"):
        extract.unpack([str(archive)], str(tmp_path / "tree"), options)
    # pytest itself cannot remove so deep a tree.
    assert not remove_tree(str(tmp_path / "tree")).left


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("*a*a*a*a*a*a*b", "a" * 4000),
        ("**/a*/**/b/**/a/**/a/**/c", "a/" * 2000 + "d"),
        ("**/" * 8 + "x", "a/" * 2000 + "b"),
        ("**a**b", "a" * 4000),
        ("[ab]*[ab]*[ab]*[ab]*[ab]*c", "ab" * 2000),
    ],
)
def test_a_glob_is_matched_in_little_time(glob: str, path: str) -> None:
    pattern = selection.compile_globs((glob,))
    within(lambda: pattern.match(path), seconds=2)


def test_a_glob_with_many_loose_stars_is_refused() -> None:
    with pytest.raises(InvalidName) as caught:
        selection.compile_globs(("a**b**c**d",))
    assert "more than 2 times '**'" in str(caught.value.hint)


# -- records, configuration, pages --


def doubled(levels: int, breadth: int) -> bytes:
    """A manifest whose folders each hold the next one ``breadth`` times."""
    directory = Directory(())
    found = {directory.node().payload: directory}
    for _ in range(levels):
        node = directory.node()
        directory = Directory(tuple(sorted((b"%d" % n, node) for n in range(breadth))))
        found[directory.node().payload] = directory
    oid = ObjectId(bytes(20), "x")
    return Manifest(oid, (), False, directory.node(), found).encode()


@pytest.mark.parametrize(("levels", "breadth"), [(60, 2), (10, 100), (5000, 1), (250, 200)])
def test_a_manifest_of_a_tree_without_end_is_refused(levels: int, breadth: int) -> None:
    data = doubled(levels, breadth)

    def read() -> None:
        with pytest.raises(FormatError, match="no tree that could be made"):
            Manifest.decode(data)

    within(read)


def many(value: bytes, count: int) -> bytes:
    """A record of ``count`` values that are all the same."""
    return b"\xdd" + count.to_bytes(4, "big") + value * count


def of_folders(folder: bytes, count: int) -> bytes:
    """A manifest whose folders are each as ``folder``, but for a first number."""
    length = int.from_bytes(folder[1:5], "big") + 1
    head = b"\xdd" + length.to_bytes(4, "big") + b"\xcd"
    folders = [head + (1000 + n).to_bytes(2, "big") + folder[5:] for n in range(count)]
    folders.sort(key=lambda data: digest.keyed(digest.DigestKind.DIRECTORY, data))
    top = fields.object_id_fields(ObjectId(bytes(20), "x"))
    return canon.encode([1, top, [], False, [0, False, 0, bytes(32)], list(folders)])


def test_a_manifest_of_a_million_files_is_read() -> None:
    name, payload = b"%07d-quite-a-usual-name.txt", bytes(range(32))
    folders = [
        canon.encode([[name % n, 1, False, n, payload] for n in range(start, start + 100_000)])
        for start in range(0, 1_000_000, 100_000)
    ]
    folders.sort(key=lambda data: digest.keyed(digest.DigestKind.DIRECTORY, data))
    top = fields.object_id_fields(ObjectId(bytes(20), "x"))
    data = canon.encode([1, top, [], False, [0, False, 0, bytes(32)], list(folders)])

    def read() -> None:
        assert sum(map(len, RawManifest.decode(data).directories.values())) == 1_000_000

    within(read, memory=800 << 20, seconds=30)


LEDGER = "\t".join(ledger.LADDER.columns).encode()

DEAR = b"\x94\xf0\xf0\xf0\xf0"
"""An array that would take fifty times its size in memory."""

TEXTS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "records-nested": ("canon", lambda: b"\x91" * 100_000),
    "records-of-nothing": ("canon", lambda: b"\xdd\0\x80\0\0" + b"\x90" * (8 << 20)),
    "records-of-little": ("canon", lambda: b"\xdd\0\x40\0\0" + b"\x91\xc0" * (4 << 20)),
    "records-of-numbers": ("canon", lambda: many(b"\xf0", 8 << 20)),
    "records-of-pairs": ("canon", lambda: many(b"\xa2ab", 8 << 20)),
    "records-of-arrays": ("canon", lambda: many(DEAR, 2 << 20)),
    "records-of-maps": ("canon", lambda: many(b"\x80", 4 << 20)),
    "records-of-short-maps": ("canon", lambda: many(b"\x81\xc0\xc0", 1 << 19)),
    "records-claiming-the-rest": (
        "canon",
        lambda: b"".join(many(b"", n) for n in range(8 << 20, 7 << 20, -2000)) + bytes(8 << 20),
    ),
    "folders-of-numbers": ("manifest", lambda: of_folders(many(b"\xf0", 1 << 20), 8)),
    "folders-of-arrays": (
        "manifest",
        lambda: of_folders(many(DEAR, 1 << 17), 16),
    ),
    "records-claiming-much": ("canon", lambda: b"\xdd\xff\xff\xff\xff" * 1000),
    "bytes-claiming-much": ("canon", lambda: b"\x91\xc6\xff\xff\xff\xff"),
    "json-nested": ("strict-json", lambda: b"[" * (1 << 20)),
    "json-number": ("strict-json", lambda: b'{"a": ' + b"9" * (1 << 19) + b"}"),
    "seed-nested": ("seed", lambda: b'{"a":' * 100_000),
    "seed-number": ("seed", lambda: b'{"a": ' + b"9" * 1_000_000 + b"}"),
    "toml-nested": ("settings", lambda: b"a = " + b"[" * 100_000),
    "toml-keys": ("settings", lambda: b".".join([b"a"] * 100_000) + b" = 1"),
    "toml-number": ("settings", lambda: b"a = " + b"9" * 900_000),
    "page-of-objects": ("json-index", lambda: b'{"files":[' + b'{"":0},' * (4 << 20) + b"0]}"),
    "page-of-arrays": ("json-index", lambda: b'{"files":[' + b"[]," * (8 << 20) + b"0]}"),
    "page-of-members": (
        "json-index",
        lambda: b"{" + b",".join(b'"%x":0' % n for n in range(2 << 20)) + b"}",
    ),
    "seed-of-objects": ("seed", lambda: b'{"a": [' + b'{"":0},' * (4 << 20) + b"0]}"),
    "ledger-of-lines": ("ledger", lambda: LEDGER + b"\n" * (17 << 20)),
    "page-nested": ("json-index", lambda: b"[" * 1_000_000),
    "page-of-brackets": ("html-index", lambda: b"<" * 300_000),
    "page-of-tags": ("html-index", lambda: b"<a " * 100_000),
    "page-of-comments": ("html-index", lambda: b"<!--" * 100_000),
    "page-of-sections": ("html-index", lambda: b"<![CDATA[" * 40_000),
    "page-of-declarations": ("html-index", lambda: b"<!a" * 100_000),
    "page-of-ends": ("html-index", lambda: b"</a " * 100_000),
    "page-of-attributes": ("html-index", lambda: b"<a" + b" a=" * 100_000),
    "pip-spaces": ("pip", lambda: b"[global]\na" + b" " * 300_000 + b"b\n"),
    "apt-brackets": ("apt", lambda: b"deb " + b"[" * 300_000),
    "apt-spaces": ("apt", lambda: b"deb" + b" " * 300_000),
    "apt-quotes": ("apt", lambda: b'a "' * 100_000),
    "apt-continued": ("apt", lambda: b"URIs: a\n" + b" b\n" * 100_000),
}
"""Bytes that cost a parser stack, time or memory; each with the target in whose place it stands."""


@pytest.mark.parametrize("name", TEXTS)
def test_parsing_takes_little_memory_and_time(name: str) -> None:
    target, make = TEXTS[name]
    data = make()
    within(lambda: TARGETS[target].accepts(data), memory=128 << 20, seconds=4)


def test_text_is_made_printable_in_little_memory() -> None:
    text = "\x1b\udcff" * (4 << 20)
    within(lambda: printable(text), memory=128 << 20)


# -- outputs --


@pytest.mark.parametrize("between", ["", "\n", "-" * 31])
def test_an_output_of_its_own_digest_takes_little_memory_and_time(
    tmp_path: Path, between: str
) -> None:
    store = Store.open(str(tmp_path / "root"))
    scratch = identity.scratch("x", "out")
    unit = (scratch.text + between).encode()
    (tmp_path / "out").write_bytes(unit * ((24 << 20) // len(unit)))

    def take() -> None:
        found = ingest_outputs(store.layout.root, {scratch: str(tmp_path / "out")})[scratch]
        assert found.refers_to_itself
        assert check_object(store.layout.root, found) == []

    within(take, memory=24 << 20)


def candidates(count: int) -> list[ObjectId]:
    """Objects that an output may refer to."""
    return [ObjectId(digest.file_digest(b"%d" % n)[:20], f"dep{n}") for n in range(count)]


def names_of_all(folder: Path) -> None:
    (folder / "f").write_text("\n".join(map(str, candidates(65_000))))


def names_of_few(folder: Path) -> None:
    (folder / "f").write_text("".join(oid.text for oid in candidates(1000)) * 900)


def small_files(folder: Path) -> None:
    for n in range(20_000):
        (folder / f"f{n}").write_text(str(n))


def names_of_one_file(folder: Path) -> None:
    (folder / "f").write_text("x")
    for n in range(20_000):
        os.link(folder / "f", folder / f"l{n}")


def one_hole(folder: Path) -> None:
    with (folder / "f").open("wb") as stream:
        stream.truncate(256 << 20)


def folders_in_folders(folder: Path) -> None:
    for n in range(100):
        (folder / f"{n}").mkdir()
        (folder / f"{n}" / ("d/" * 150)).mkdir(parents=True)


OUTPUTS: dict[str, tuple[Callable[[Path], None], int, int]] = {
    "names-of-65000-objects": (names_of_all, 65_000, 96),
    "names-of-1000-again-and-again": (names_of_few, 1000, 48),
    "20000-files": (small_files, 0, 48),
    "20000-names-of-a-file": (names_of_one_file, 0, 48),
    "15000-folders": (folders_in_folders, 0, 96),
    "a-hole": (one_hole, 1, 24),
}
"""Contents of an output, with the objects that may be in it, and MiB that taking it may cost."""


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_takes_memory_and_time_in_proportion(tmp_path: Path, name: str) -> None:
    fill, count, most = OUTPUTS[name]
    store = Store.open(str(tmp_path / "root"))
    (tmp_path / "out").mkdir()
    fill(tmp_path / "out")
    scratch, known = identity.scratch("x", "out"), candidates(count)

    def take() -> None:
        outputs = {scratch: str(tmp_path / "out")}
        found = ingest_outputs(store.layout.root, outputs, candidates=known)[scratch]
        assert check_object(store.layout.root, found) == []

    within(take, memory=most << 20)
