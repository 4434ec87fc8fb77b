"""The questions to a cache, answered from the files of a place; ``docs/cache.md`` describes
them."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from typing import NamedTuple

from store.cache import file_names, zstd
from store.cache.file_answers import FileAnswers
from store.cache.head import ContentSpan, Head, stream
from store.cache.offering import ContentRun, Piece
from store.cache.place import CachePlace
from store.display import printable
from store.errors import CorruptObject, FormatError
from store.job_errors import CacheUnusable

USUAL_LIMIT = 1 << 20
"""Bytes of a head, as nearly all are."""

AT_ONCE = 256
"""Files that are asked for at a time, so that a cache cannot fill the memory."""

GAP = 128 << 10
"""Bytes that are read through, as they cost less than another question."""

_VERSION = file_names.VERSION.decode("ascii").strip()

RUN_LIMIT = 8 << 20
"""Bytes after which another run begins, that can be walked beside the others."""


class StaticCache(FileAnswers):
    """The cache whose files lie at ``place``. CacheUnusable when it turns out to be none."""

    def __init__(self, place: CachePlace) -> None:
        super().__init__()
        self.place = place
        self._known = False

    @property
    def name(self) -> str:
        """Its URL without secrets."""
        return self.place.name

    def contents(self, head: Head, digests: Collection[bytes]) -> Sequence[ContentRun]:
        """Return the ranges of the pack that hold the contents, each as a run."""
        spans = [span for span in stream(head.manifest) if span.digest in digests]
        if not self.place.ranges and spans:
            return [_PackRun(self.place, head, _frames(head), spans)]
        return [_PackRun(self.place, head, frames, part) for frames, part in _runs(head, spans)]

    def files(self, names: Collection[str], limit: int) -> dict[str, bytes]:
        """Return those of the files that are there, and no longer than ``limit`` bytes."""
        files = self._get(names, limit)
        self._note_obstacles(names, files)
        return {name: data for name, data in files.items() if len(data) <= limit}

    def close(self) -> None:
        """Let go of connections."""
        self.place.close()

    def check(self) -> None:
        """Raise CacheUnusable unless this is a cache."""
        self._get((), 0)

    def _get(self, names: Collection[str], limit: int) -> Mapping[str, bytes]:
        """Return files; at first, also find out whether this is a cache, by the same question."""
        if self._known:
            return self.place.get(names, limit)
        asked = [*names, file_names.MARKER]
        found = dict(self.place.get(asked, max(limit, len(file_names.VERSION))))
        marker = found.pop(file_names.MARKER, None)
        if marker != file_names.VERSION:
            raise no_cache(self.name, marker, self.place.obstacle(file_names.MARKER))
        self._known = True
        return found

    def _files(self, names: Sequence[str], limit: int) -> Iterator[tuple[str, bytes]]:
        """Yield the files that are there; large ones are asked for again, one by one."""
        usual = min(limit, USUAL_LIMIT)
        for at in range(0, len(names) or 1, AT_ONCE):
            part = names[at : at + AT_ONCE]
            found = self._get(part, usual)
            self._note_obstacles(part, found)
            for name, data in found.items():
                if len(data) <= usual or usual == limit:
                    yield name, data
                elif (whole := self._get([name], limit).get(name)) is not None:
                    yield name, whole

    def _note_obstacles(self, names: Collection[str], found: Collection[str]) -> None:
        """Note the names at which there is something else than a file: nothing was read there."""
        for name in names:
            if name not in found and (other := self.place.obstacle(name)):
                self._damaged.append(f"{self.name}/{name} is damaged: there is {other}")


def no_cache(name: str, marker: bytes | None, obstacle: str = "") -> CacheUnusable:
    """Return the error for a place whose marker says that it is no cache that this program reads;
    ``obstacle`` are the words for something else in the marker's place."""
    where = f"the cache {printable(name)} cannot be used"
    if obstacle:
        told = f"{where}: there is {obstacle} ({file_names.MARKER})"
        return CacheUnusable(told, hint="remove it, and push again")
    if marker is None:
        hint = "a first `store push` makes it one"
        return CacheUnusable(f"{where}: there is no cache", hint=hint)
    if marker.lstrip().startswith(b"<"):
        hint = "look at it with a browser: the URL may be wrong, or the network may want a login"
        return CacheUnusable(f"{where}: it answers with a web page", hint=hint)
    if re.fullmatch(rb"[0-9]{1,9}\n", marker):
        hint = f"it has format {int(marker)}, and this program {_VERSION}: a newer one may know it"
    else:
        hint = f"the file {file_names.MARKER} of a cache holds {_VERSION}: is this the right URL?"
    return CacheUnusable(f"{where}: its format is not one that this program knows", hint=hint)


class _Frame(NamedTuple):
    """A frame: where it begins in the pack and in the stream, and its bytes there."""

    packed_start: int
    packed: int
    start: int
    size: int


def _frames(head: Head) -> list[_Frame]:
    packed = accumulate((frame.packed for frame in head.frames), initial=0)
    unpacked = accumulate((frame.unpacked for frame in head.frames), initial=0)
    return [
        _Frame(at, frame.packed, start, frame.unpacked)
        for at, start, frame in zip(packed, unpacked, head.frames, strict=False)
    ]


def _runs(
    head: Head, spans: Sequence[ContentSpan]
) -> Iterator[tuple[list[_Frame], list[ContentSpan]]]:
    """Yield the frames to ask for together, with the contents in them, each content once."""
    frames = _frames(head)
    starts = [frame.start for frame in frames]
    first, last, part = 0, -1, list[ContentSpan]()
    for span in spans:
        begin = bisect_right(starts, span.offset) - 1
        if part and begin > last and _is_apart(frames[first], frames[last], frames[begin]):
            yield frames[first : last + 1], part
            part = []
        if not part:
            first = begin
        part.append(span)
        last = bisect_left(starts, _end(span)) - 1
    if part:
        yield frames[first : last + 1], part


def _is_apart(first: _Frame, last: _Frame, other: _Frame) -> bool:
    """Return whether the other frame is better asked for apart from those before."""
    reached = last.packed_start + last.packed
    full = reached - first.packed_start >= RUN_LIMIT
    return full or other.packed_start - reached > GAP


class _PackRun:
    """Neighbouring frames of a pack, and the contents that are wanted of them."""

    def __init__(
        self, place: CachePlace, head: Head, frames: list[_Frame], spans: list[ContentSpan]
    ) -> None:
        self._place = place
        self._oid = head.manifest.id
        self._frames = frames
        self._spans = spans
        self.size = sum(frame.packed for frame in frames)
        """Bytes of the range."""

    def parts(self) -> Iterator[Iterable[Piece]]:
        """Yield the wanted pieces of each frame as it comes. UnknownObject, CorruptObject."""
        name = file_names.pack(self._oid)
        parts = self._place.read(name, self._frames[0].packed_start, self.size)
        number = 0
        for frame, packed in zip(self._frames, _joined(parts, self._frames), strict=True):
            while _end(self._spans[number]) <= frame.start:
                number += 1
            if self._spans[number].offset < frame.start + frame.size:
                wanted = [
                    span
                    for span in islice(self._spans, number, None)
                    if span.offset < frame.start + frame.size
                ]
                yield self._wanted(frame, packed, wanted)

    def _wanted(
        self, frame: _Frame, packed: bytes, spans: Sequence[ContentSpan]
    ) -> Iterator[Piece]:
        """Yield the pieces of contents that a frame holds."""
        number, start = 0, frame.start
        for data in self._unpacked(packed, frame.size):
            end = start + len(data)
            while number < len(spans) and spans[number].offset < end:
                span = spans[number]
                begin, stop = max(span.offset, start), min(_end(span), end)
                if begin < stop:
                    part = memoryview(data)[begin - start : stop - start]
                    yield Piece(span.digest, begin - span.offset, part)
                if _end(span) > end:
                    break
                number += 1
            if number == len(spans):
                return
            start = end

    def _unpacked(self, packed: bytes, size: int) -> Iterator[bytes]:
        try:
            yield from zstd.decompressed(packed, size)
        except FormatError as error:
            where = f"{self._place.name}/{file_names.pack(self._oid)}"
            raise CorruptObject(f"{where} is damaged: {error.message}") from error


def _end(span: ContentSpan) -> int:
    return span.offset + span.size


def _joined(parts: Iterator[bytes], frames: Sequence[_Frame]) -> Iterator[bytes]:
    """Yield the bytes of each frame, from parts of any size."""
    rest = memoryview(b"")
    for frame in frames:
        held, lacking = [rest[: frame.packed]], frame.packed - len(rest)
        while lacking > 0:
            rest = memoryview(next(parts))
            held.append(rest[:lacking])
            lacking -= len(rest)
        rest = rest[len(held[-1]) :]
        yield b"".join(held)
