"""Where two files differ, in words: offset, and the section, member or line that lies there."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass

from store.audit import elf, members
from store.audit.members import Member

CHUNK = 1 << 16

DEEPEST = 4
"""Levels of archives in archives that are gone into."""

_SHOWN = 100
_LISTED = 8


@dataclass(frozen=True)
class Place:
    """The first byte that differs, what lies there, and what else can be said."""

    offset: int
    name: str = ""
    detail: str = ""


def first_difference(one: bytes, other: bytes) -> int | None:
    """The offset of the first byte that is not the same; None when there is none."""
    shorter = min(len(one), len(other))
    for start in range(0, shorter, CHUNK):
        left, right = one[start : start + CHUNK], other[start : start + CHUNK]
        if left != right:
            pairs = zip(left, right, strict=False)
            return start + next((i for i, (a, b) in enumerate(pairs) if a != b), shorter - start)
    return None if len(one) == len(other) else shorter


def explain(one: bytes, other: bytes, depth: int = 0) -> Place | None:
    """What is to be said of two contents; None when they are the same."""
    offset = first_difference(one, other)
    if offset is None:
        return None
    if depth < DEEPEST:
        for recognises, look in _KINDS:
            if recognises(one) and recognises(other):
                return look(one, other, offset, depth)
    if _is_text(one) and _is_text(other):
        return _in_text(one, other, offset)
    return Place(offset, "", f"{_bytes(one, offset)} / {_bytes(other, offset)}")


def _in_elf(one: bytes, other: bytes, offset: int, depth: int) -> Place:
    """The first section that differs: headers differ before it, and mean it, when its size does."""
    names = _differing_sections(one, other)
    name = elf.at(one, offset) or elf.at(other, offset)
    if names and name not in names:
        name = names[0]
        ours, theirs = _section(one, name), _section(other, name)
        if ours is not None and theirs is not None:
            inside = first_difference(one[slice(*ours)], other[slice(*theirs)])
            offset = ours[0] + (inside or 0)
    return Place(offset, name, _listed(names))


def _differing_sections(one: bytes, other: bytes) -> list[str]:
    ours = {part.name: one[part.start : part.end] for part in elf.sections(one)}
    theirs = {part.name: other[part.start : part.end] for part in elf.sections(other)}
    return [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]


def _section(data: bytes, name: str) -> tuple[int, int] | None:
    found = [part for part in elf.sections(data) if part.name == name]
    return (found[-1].start, found[-1].end) if found else None


def _listed(names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"sections that differ: {', '.join(names[:_LISTED])}{more}"


def _in_members(
    one: bytes, other: bytes, offset: int, depth: int, read: Callable[[bytes], list[Member]]
) -> Place:
    """The first member that differs, and the place within it."""
    ours, theirs = read(one), read(other)
    for mine, its in zip(ours, theirs, strict=False):
        if mine.name != its.name:
            return Place(mine.header, mine.name, f"{mine.name!r} / {its.name!r} stands there")
        inner = explain(one[mine.start : mine.end], other[its.start : its.end], depth + 1)
        # A table's bytes follow from the members: these are worth more when they differ too.
        if inner is not None and not mine.table:
            return Place(mine.start + inner.offset, _nested(mine.name, inner.name), inner.detail)
        header = first_difference(one[mine.header : mine.start], other[its.header : its.start])
        if inner is None and header is not None:
            return Place(mine.header + header, f"the header of {mine.name}")
    if len(ours) != len(theirs):
        longer = ours if len(ours) > len(theirs) else theirs
        extra = longer[min(len(ours), len(theirs))]
        return Place(offset, extra.name, f"{len(ours)} members / {len(theirs)} members")
    around = [member.name for member in ours if member.header <= offset < member.end]
    return Place(offset, around[0] if around else "")


def _in_ar(one: bytes, other: bytes, offset: int, depth: int) -> Place:
    return _in_members(one, other, offset, depth, members.ar_members)


def _in_tar(one: bytes, other: bytes, offset: int, depth: int) -> Place:
    return _in_members(one, other, offset, depth, members.tar_members)


def _in_compressed(kind: str, unpack: Callable[[bytes], bytes | None]) -> _Look:
    def look(one: bytes, other: bytes, offset: int, depth: int) -> Place:
        ours, theirs = unpack(one), unpack(other)
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


def _in_text(one: bytes, other: bytes, offset: int) -> Place:
    number = one.count(b"\n", 0, offset) + 1
    return Place(offset, f"line {number}", f"{_line(one, offset)} / {_line(other, offset)}")


def _line(data: bytes, offset: int) -> str:
    """The line around ``offset``, or as much of it as is worth showing."""
    start = max(data.rfind(b"\n", 0, offset) + 1, offset - _SHOWN // 2)
    end = data.find(b"\n", offset)
    line = data[start : min(end if end >= 0 else len(data), start + _SHOWN)]
    return repr(line.decode("utf-8", "replace")) if line or start < len(data) else "nothing more"


def _is_text(data: bytes) -> bool:
    head = data[: 1 << 20]
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return b"\0" not in head


def _bytes(data: bytes, offset: int) -> str:
    return data[offset : offset + 8].hex(" ") or "nothing more"


_Look = Callable[[bytes, bytes, int, int], Place]

_KINDS: list[tuple[Callable[[bytes], bool], _Look]] = [
    (elf.is_elf, _in_elf),
    (lambda data: data.startswith(members.AR_MAGIC), _in_ar),
    (members.is_tar, _in_tar),
    (lambda data: data.startswith(members.GZIP_MAGIC), _in_compressed("gzip", members.ungzip)),
    (lambda data: data.startswith(members.XZ_MAGIC), _in_compressed("xz", members.unxz)),
]
