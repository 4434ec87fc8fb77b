"""Where two files differ, in words; and no file, however broken, is too much for it."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.audit import elf, members
from store.audit.explain import explain, first_difference
from store.audit.members import AR_MAGIC
from tests.amounts import example_count

NAMES = b"\0.text\0.rodata\0.bss\0.shstrtab\0"


def program(text: bytes = b"code code", rodata: bytes = b"constant") -> bytes:
    """An ELF64 file with two sections of content, one without, and their names."""
    bodies, table, offset = [text, rodata, b"", NAMES], [bytes(64)], 64
    for name, kind, body in zip((1, 7, 15, 20), (1, 1, 8, 3), bodies, strict=True):
        size = 4096 if kind == 8 else len(body)
        table.append(struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, offset, size, 0, 0, 1, 0))
        offset += len(body)
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, offset, 0, 64, 56, 0, 64, 5, 4)
    return header + b"".join(bodies) + b"".join(table)


def archive(**content: bytes) -> bytes:
    """An ar archive in GNU's way, with its symbol table first."""
    data = AR_MAGIC + _ar_member(b"/", struct.pack(">I", len(content)))
    for name, body in content.items():
        data += _ar_member(name.encode() + b".o/", body)
    return data


def _ar_member(name: bytes, body: bytes) -> bytes:
    fields = (name.ljust(16), b"0".ljust(12), b"0".ljust(6), b"0".ljust(6), b"644".ljust(8))
    header = b"".join(fields) + str(len(body)).encode().ljust(10) + b"`\n"
    return header + body + b"\n" * (len(body) % 2)


def tar(**content: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as writer:
        for name, body in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            writer.addfile(info, io.BytesIO(body))
    return stream.getvalue()


def test_equal_contents_have_no_difference() -> None:
    assert explain(b"same", b"same") is None


@given(st.binary(max_size=300_000), st.integers(0, 300_000))
@settings(max_examples=example_count(50))
def test_the_first_difference_is_found_wherever_it_is(data: bytes, place: int) -> None:
    if place < len(data):
        changed = bytearray(data)
        changed[place] ^= 1
        assert first_difference(data, bytes(changed)) == place
    assert first_difference(data, data + b"!") == len(data)
    assert first_difference(data, data) is None


def test_text_is_explained_by_the_first_line_that_differs() -> None:
    place = explain(b"one\ntwo\nthree\n", b"one\ntvo\nthree\n")
    assert place is not None
    assert (place.offset, place.name) == (5, "line 2")
    assert place.detail == "'two' / 'tvo'"


def test_a_text_that_ends_earlier_is_said_to() -> None:
    place = explain(b"one\n", b"one\ntwo\n")
    assert place is not None
    assert (place.name, place.detail) == ("line 2", "nothing more / 'two'")


def test_binary_data_is_shown_in_hex() -> None:
    place = explain(b"\0\1\2\3", b"\0\1\xff\3")
    assert place is not None
    assert (place.offset, place.detail) == (2, "02 03 / ff 03")


def test_the_section_of_a_program_is_named() -> None:
    place = explain(program(), program(rodata=b"c0nstant"))
    assert place is not None
    assert place.name == ".rodata"
    assert place.offset == 64 + len(b"code code") + 1
    assert place.detail == "sections that differ: .rodata"


def test_a_section_that_grew_is_named_and_not_the_header_that_says_so() -> None:
    place = explain(program(), program(text=b"code code and more"))
    assert place is not None
    assert place.name == ".text"


def test_the_header_of_a_program_is_named_when_nothing_else_differs() -> None:
    changed = bytearray(program())
    changed[24] = 1  # e_entry
    place = explain(program(), bytes(changed))
    assert place is not None
    assert (place.offset, place.name) == (24, "the ELF header")


def test_in_an_archive_the_member_and_its_section_are_named() -> None:
    one = archive(a=b"same", b=program())
    other = archive(a=b"same", b=program(rodata=b"c0nstant"))
    place = explain(one, other)
    assert place is not None
    assert place.name == "b.o: .rodata"
    assert one[: place.offset] == other[: place.offset]


def test_a_member_that_grew_is_named_and_not_the_symbol_table() -> None:
    one, other = archive(a=b"x", b=b"short"), archive(a=b"x", b=b"shorter", c=b"new")
    place = explain(one, other)
    assert place is not None
    assert place.name.startswith("b.o")


def test_members_in_another_order_are_told_by_name() -> None:
    place = explain(archive(a=b"x", b=b"y"), archive(b=b"y", a=b"x"))
    assert place is not None
    assert place.detail == "'a.o' / 'b.o' is there"


def test_long_names_of_members_are_resolved() -> None:
    table = _ar_member(b"//", b"a-very-long-name-indeed.o/\n")
    data = AR_MAGIC + table + _ar_member(b"/0", b"body")
    assert [item.name for item in members.ar_members(data)] == [
        "the table of long names",
        "a-very-long-name-indeed.o",
    ]


def test_compressed_files_are_explained_by_what_they_hold() -> None:
    one, other = tar(a=b"one\n", b=b"two\n"), tar(a=b"one\n", b=b"tvo\n")
    for pack, kind in ((lambda data: gzip.compress(data, mtime=1), "gzip"), (lzma.compress, "xz")):
        place = explain(pack(one), pack(other))
        assert place is not None
        assert place.name == f"{kind} data: b: line 1"
        assert "'two' / 'tvo'" in place.detail


def test_a_time_in_a_gzip_header_is_named() -> None:
    place = explain(gzip.compress(b"x", mtime=1), gzip.compress(b"x", mtime=2))
    assert place is not None
    assert place.detail == "it unpacks to the same bytes; the time in its header differs"


def test_what_unpacks_to_more_than_the_bound_is_cut() -> None:
    bomb = gzip.compress(bytes(members.UNPACKED_LIMIT + 1000))
    unpacked = members.ungzip(bomb)
    assert unpacked is not None
    assert len(unpacked) == members.UNPACKED_LIMIT


BEGINNINGS = st.sampled_from(
    [
        b"",
        program(),
        archive(a=program(), b=b"x"),
        tar(a=b"x"),
        gzip.compress(b"x"),
        lzma.compress(b"x"),
        b"\x7fELF\x01\x02" + bytes(60),
        AR_MAGIC,
    ]
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file of some kind with bytes changed, cut or added."""
    data = bytearray(draw(BEGINNINGS))
    for _ in range(draw(st.integers(0, 8))):
        if data:
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))]) + draw(st.binary(max_size=100))


@pytest.mark.slow
@given(damaged(), damaged())
@settings(max_examples=example_count(500))
def test_no_file_is_too_broken(one: bytes, other: bytes) -> None:
    place = explain(one, other)
    assert (place is None) == (one == other)
    if place is not None:
        assert place.offset >= 0
        assert (place.name + place.detail).isprintable()


@pytest.mark.slow
@given(damaged())
@settings(max_examples=example_count(500))
def test_no_part_lies_outside_of_the_file(data: bytes) -> None:
    for part in elf.sections(data):
        assert 0 <= part.start < part.end <= len(data)
    for member in [*members.ar_members(data), *members.tar_members(data)]:
        assert 0 <= member.header < member.start <= member.end <= len(data)
