"""Entries of a directory in another order: all of them, once, and the offsets in their places."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.sandbox.listing import reorder
from store.sandbox.request import Listing

Entry = tuple[int, int, bytes, int]
"""Inode, offset, name, kind."""

NAMES = st.lists(
    st.binary(min_size=1, max_size=40).filter(lambda name: not {0, 47} & set(name)), unique=True
)


def pack(entries: list[Entry], wide: bool) -> bytes:
    """As the kernel does: records of a multiple of eight bytes."""
    records = []
    for inode, offset, name, kind in entries:
        length = (19 if wide else 18) + len(name) + (1 if wide else 2) + 7 & ~7
        head = struct.pack("=QqH", inode, offset, length)
        if wide:
            records.append((head + bytes([kind]) + name).ljust(length, b"\0"))
        else:
            records.append((head + name).ljust(length - 1, b"\0") + bytes([kind]))
    return b"".join(records)


def unpack(buffer: bytes, wide: bool) -> list[Entry]:
    """The other way round, written independently of the tested code."""
    entries, place = [], 0
    while place < len(buffer):
        inode, offset, length = struct.unpack_from("=QqH", buffer, place)
        record = buffer[place : place + length]
        name = record[19:] if wide else record[18:-1]
        entries.append((inode, offset, name.split(b"\0")[0], record[18 if wide else -1]))
        place += length
    return entries


def directory(names: list[bytes]) -> list[Entry]:
    """Entries as a file system lists them, with cookies for offsets."""
    return [
        (100 + place, 7919 * (place + 1) ^ 0x5555, name, 4 if name in (b".", b"..") else 8)
        for place, name in enumerate(names)
    ]


@pytest.mark.parametrize("wide", [True, False])
def test_a_reversed_listing_is_the_kernels_backwards_but_for_the_dots(wide: bool) -> None:
    entries = directory([b".", b"..", b"one", b"two-with-a-longer-name", b"3"])
    told = unpack(reorder(pack(entries, wide), "reversed", wide=wide), wide)
    assert [name for _, _, name, _ in told] == [
        b".", b"..", b"3", b"two-with-a-longer-name", b"one",
    ]  # fmt: skip


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("listing", ["reversed", "shuffled"])
@given(names=NAMES)
def test_each_entry_is_there_once_and_each_offset_in_its_place(
    names: list[bytes], listing: Listing, wide: bool
) -> None:
    entries = directory(names)
    told = unpack(reorder(pack(entries, wide), listing, wide=wide), wide)
    assert [offset for _, offset, _, _ in told] == [offset for _, offset, _, _ in entries]
    kept = {(inode, name, kind) for inode, _, name, kind in entries}
    assert {(inode, name, kind) for inode, _, name, kind in told} == kept
    assert len(told) == len(entries)


@given(names=NAMES.filter(lambda names: not {b".", b".."} & set(names)), chance=st.randoms())
def test_a_shuffled_listing_depends_on_nothing_but_the_names(
    names: list[bytes], chance: object
) -> None:
    other = list(names)
    chance.shuffle(other)  # type: ignore[attr-defined]
    listed = [
        [name for _, _, name, _ in unpack(reorder(buffer, "shuffled", wide=True), True)]
        for buffer in (pack(directory(names), True), pack(directory(other), True))
    ]
    assert listed[0] == listed[1]


def test_a_shuffled_listing_is_neither_sorted_nor_backwards() -> None:
    names = [f"file-{number}".encode() for number in range(10)]
    buffer = pack(directory(names), True)
    told = [name for _, _, name, _ in unpack(reorder(buffer, "shuffled", wide=True), True)]
    assert told not in (names, names[::-1])


@given(buffer=st.binary(max_size=200), wide=st.booleans())
def test_what_no_kernel_wrote_comes_to_an_end(buffer: bytes, wide: bool) -> None:
    with contextlib.suppress(ValueError, struct.error):
        assert len(reorder(buffer, "shuffled", wide=wide)) == len(buffer)
