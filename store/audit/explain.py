"""The place where two files differ, in words: offset, and the section, member or line there.

Contents are hostile. They are looked at in place, and of many members only the first that differs
is explained: time is linear in the contents, and memory holds the unpacked data.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass

from store.audit import elf, members
from store.audit.elf import ElfPart
from store.audit.members import ArMember, Bytes
from store.display import quoted

CHUNK = 1 << 16

DEEPEST = 4
"""Levels of archives in archives that are opened."""

_SHOWN = 100
_LISTED = 8


@dataclass(frozen=True)
class Place:
    """The first byte that differs, the thing at that place, and a further note."""

    offset: int
    name: str = ""
    detail: str = ""


def first_difference(one: Bytes, other: Bytes) -> int | None:
    """Return the offset of the first byte that is not the same; None when there is none."""
    shorter = min(len(one), len(other))
    for start in range(0, shorter, CHUNK):
        left, right = bytes(one[start : start + CHUNK]), bytes(other[start : start + CHUNK])
        if left != right:
            pairs = zip(left, right, strict=False)
            return start + next((i for i, (a, b) in enumerate(pairs) if a != b), shorter - start)
    return None if len(one) == len(other) else shorter


def explain(one: Bytes, other: Bytes, depth: int = 0) -> Place | None:
    """Return the explanation of two contents; None when they are the same."""
    offset = first_difference(one, other)
    if offset is None:
        return None
    ours, theirs = memoryview(one), memoryview(other)
    if depth < DEEPEST:
        for recognises, look in _KINDS:
            if recognises(ours) and recognises(theirs):
                return look(ours, theirs, offset, depth)
    if _is_text(ours) and _is_text(theirs):
        return _in_text(ours, theirs, offset)
    return Place(offset, "", f"{_bytes(ours, offset)} / {_bytes(theirs, offset)}")


def _in_elf(one: memoryview, other: memoryview, offset: int, depth: int) -> Place:
    """Return the first section that differs: headers differ before it, and mean it, when its size
    does."""
    ours, theirs = elf.sections(one), elf.sections(other)
    names = _differing_sections(one, ours, other, theirs)
    name = elf.at(elf.parts(one), offset) or elf.at(elf.parts(other), offset)
    if names and name not in names:
        name = names[0]
        mine, its = _content(one, ours, name), _content(other, theirs, name)
        if mine is not None and its is not None:
            start = next(part.start for part in reversed(ours) if part.name == name)
            offset = start + (first_difference(mine, its) or 0)
    return Place(offset, name, _listed(names))


def _differing_sections(
    one: memoryview, ours: list[ElfPart], other: memoryview, theirs: list[ElfPart]
) -> list[str]:
    mine = {part.name: one[part.start : part.end] for part in ours}
    its = {part.name: other[part.start : part.end] for part in theirs}
    return [name for name in {**mine, **its} if not _same(mine.get(name), its.get(name))]


def _same(one: memoryview | None, other: memoryview | None) -> bool:
    if one is None or other is None or len(one) != len(other):
        return False
    return first_difference(one, other) is None


def _content(data: memoryview, sections: list[ElfPart], name: str) -> memoryview | None:
    found = [part for part in sections if part.name == name]
    return data[found[-1].start : found[-1].end] if found else None


def _listed(names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"sections that differ: {', '.join(names[:_LISTED])}{more}"


def _in_members(
    one: memoryview,
    other: memoryview,
    offset: int,
    depth: int,
    read: Callable[[Bytes], list[ArMember]],
) -> Place:
    """Return the first member that differs, and the place within it."""
    ours, theirs = read(one), read(other)
    for mine, its in zip(ours, theirs, strict=False):
        if mine.name != its.name:
            return Place(
                mine.header, mine.name, f"{quoted(mine.name)} / {quoted(its.name)} is there"
            )
        inner = None
        # A table's bytes follow from the members: these are worth more when they differ too.
        if not mine.table:
            inner = explain(one[mine.start : mine.end], other[its.start : its.end], depth + 1)
        if inner is not None:
            return Place(mine.start + inner.offset, _nested(mine.name, inner.name), inner.detail)
        header = first_difference(one[mine.header : mine.start], other[its.header : its.start])
        if header is not None and (not mine.table or _same(*_contents(one, mine, other, its))):
            return Place(mine.header + header, f"the header of {mine.name}")
    if len(ours) != len(theirs):
        longer = ours if len(ours) > len(theirs) else theirs
        extra = longer[min(len(ours), len(theirs))]
        return Place(offset, extra.name, f"{len(ours)} members / {len(theirs)} members")
    around = [member.name for member in ours if member.header <= offset < member.end]
    return Place(offset, around[0] if around else "")


def _contents(
    one: memoryview, mine: ArMember, other: memoryview, its: ArMember
) -> tuple[memoryview, memoryview]:
    return one[mine.start : mine.end], other[its.start : its.end]


def _in_ar(one: memoryview, other: memoryview, offset: int, depth: int) -> Place:
    return _in_members(one, other, offset, depth, members.ar_members)


def _in_tar(one: memoryview, other: memoryview, offset: int, depth: int) -> Place:
    return _in_members(one, other, offset, depth, members.tar_members)


def _in_compressed(kind: str, unpack: Callable[[Bytes, int], bytes | None]) -> _Look:
    def look(one: memoryview, other: memoryview, offset: int, depth: int) -> Place:
        limit = members.UNPACKED_LIMIT >> depth
        ours, theirs = unpack(one, limit), unpack(other, limit)
        if ours is None or theirs is None:
            return Place(offset, f"{kind} data")
        inner = explain(ours, theirs, depth + 1)
        if inner is None:
            same = "it unpacks to the same bytes" + _header(kind, offset)
            return Place(offset, f"{kind} data", same)
        return Place(
            offset,
            _nested(f"{kind} data", inner.name),
            f"unpacked, from byte {inner.offset}" + (f": {inner.detail}" if inner.detail else ""),
        )

    return look


def _header(kind: str, offset: int) -> str:
    # RFC 1952: bytes 4 to 7 are MTIME.
    return "; the time in its header differs" if kind == "gzip" and 4 <= offset < 8 else ""


def _nested(outer: str, inner: str) -> str:
    return f"{outer}: {inner}" if inner else outer


def _in_text(one: memoryview, other: memoryview, offset: int) -> Place:
    starts = range(0, offset, CHUNK)
    number = 1 + sum(
        bytes(one[start : min(start + CHUNK, offset)]).count(b"\n") for start in starts
    )
    return Place(offset, f"line {number}", f"{_line(one, offset)} / {_line(other, offset)}")


def _line(data: memoryview, offset: int) -> str:
    """Return the line around ``offset``, or as much of it as is worth showing."""
    base = max(0, offset - _SHOWN // 2)
    start = base + bytes(data[base:offset]).rfind(b"\n") + 1
    line = bytes(data[start : start + _SHOWN])
    end = line.find(b"\n", max(0, offset - start))
    line = line if end < 0 else line[:end]
    return repr(line.decode("utf-8", "replace")) if line or start < len(data) else "nothing more"


def _is_text(data: memoryview) -> bool:
    head = bytes(data[: 1 << 20])
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return b"\0" not in head


def _bytes(data: Bytes, offset: int) -> str:
    return data[offset : offset + 8].hex(" ") or "nothing more"


_Look = Callable[[memoryview, memoryview, int, int], Place]


def _begins(magic: bytes) -> Callable[[memoryview], bool]:
    return lambda data: data[: len(magic)] == magic


_KINDS: list[tuple[Callable[[memoryview], bool], _Look]] = [
    (elf.is_elf, _in_elf),
    (_begins(members.AR_MAGIC), _in_ar),
    (members.is_tar, _in_tar),
    (_begins(members.GZIP_MAGIC), _in_compressed("gzip", members.ungzip)),
    (_begins(members.XZ_MAGIC), _in_compressed("xz", members.unxz)),
]
