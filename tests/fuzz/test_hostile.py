"""What was made to cost memory or time is refused, or read in little of both."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable

import pytest

from store.audit.explain import explain
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
