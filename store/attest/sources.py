"""Where others' statements come from: a file, a folder of files, or a URL, read line by line.

Nothing that is read is trusted, and everything is bounded: the bytes of a line and of the whole,
the lines, the files and the time.
"""

from __future__ import annotations

import os
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass

from store.errors import FormatError, StorageError
from store.fetch import transport
from store.fetch.bounds import Bounds
from store.job_errors import BadArchive, FetchFailed
from store.model.locators import shown, with_lower_scheme
from store.quantities import limit_text
from store.signing.envelope import ENVELOPE_LIMIT
from store.unpack.compression import CHUNK, Meter, Stream, decompressed, file_chunks

SUFFIXES = (".json", ".jsonl", ".intoto", ".gz", ".bz2", ".xz")
"""Files of a folder that are read; ``.intoto.jsonl`` is the usual name."""

SHOWN_PROBLEMS = 20
"""The most lines that count nothing, and should, whose reasons are shown."""


@dataclass(frozen=True)
class SourceLimits:
    """``size`` in bytes, as they come and when decompressed; ``seconds`` for all of a source."""

    size: int = 1 << 30
    lines: int = 2_000_000
    files: int = 100_000
    seconds: float = 1800.0


@dataclass(frozen=True)
class Line:
    """One line that is not empty. ``where`` is for messages: ``FILE:NUMBER``.

    A line that is too long for an envelope is cut a byte behind the limit.
    """

    where: str
    data: bytes


def lines(source: str, limits: SourceLimits | None = None) -> Iterator[Line]:
    """Yield every line of ``source``, which may be compressed with gzip, bzip2 or xz.

    Raises FetchFailed, StorageError, BadArchive, and FormatError when it is too large.
    """
    budget = _Budget(limits or SourceLimits())
    for name, url in _targets(source, budget):
        yield from _lines(name, url, budget)


class _Budget:
    """The rest of the limits."""

    def __init__(self, limits: SourceLimits) -> None:
        self._limits = limits
        self._size = self._lines = self._files = 0
        self._end = time.monotonic() + limits.seconds

    @property
    def size_limit(self) -> int:
        return self._limits.size

    @property
    def seconds(self) -> float:
        return max(0.0, self._end - time.monotonic())

    def take_bytes(self, count: int) -> None:
        self._size += count
        if self._size > self._limits.size:
            raise FormatError(f"there are more than {self._limits.size} bytes of statements")
        if time.monotonic() > self._end:
            raise FormatError(
                f"reading statements took longer than {limit_text(self._limits.seconds)}"
            )

    def take_line(self) -> None:
        self._lines += 1
        if self._lines > self._limits.lines:
            raise FormatError(f"there are more than {self._limits.lines} statements")

    def take_file(self) -> None:
        self._files += 1
        if self._files > self._limits.files:
            raise FormatError(f"there are more than {self._limits.files} files of statements")


def _targets(source: str, budget: _Budget) -> Iterator[tuple[str, str]]:
    """Yield each file's name for messages, and its URL."""
    url = with_lower_scheme(source)  # of a path that has a colon, it would be another path
    scheme = url.partition("://")[0] if "://" in url else ""
    if scheme in ("http", "https"):
        yield shown(url), url
    elif url.startswith("file:"):
        yield from _targets(_local(url), budget)
    elif scheme:
        raise _not_had(source, "statements are read from files, http and https")
    elif os.path.isdir(source):
        for name in _folder(source):
            budget.take_file()
            yield name, _file_url(f"{source}/{name}")
    elif os.path.exists(source):
        yield os.path.basename(source), _file_url(source)
    else:
        raise _not_had(source, "is not there; name a file, a folder, or a URL")


def _local(url: str) -> str:
    try:
        return transport.file_path(url)
    except (transport.Permanent, ValueError) as error:
        raise _not_had(url, str(error)) from error


def _not_had(source: str, reason: str) -> FetchFailed:
    # No UsageError, whose exit code says of an audit that something differs.
    return FetchFailed("statements", [(shown(source), reason)])


def _folder(path: str) -> list[str]:
    """Return the files that may hold statements. Links are passed over: they could lead
    anywhere."""
    try:
        with os.scandir(path) as entries:
            return sorted(
                entry.name
                for entry in entries
                if entry.is_file(follow_symlinks=False)
                and entry.name.endswith(SUFFIXES)
                and not entry.name.startswith(".")
            )
    except OSError as error:
        raise StorageError(f"cannot list {path}: {error.strerror}") from error


def _file_url(path: str) -> str:
    return "file://" + urllib.parse.quote(os.path.abspath(path), errors="surrogateescape")


def _lines(name: str, url: str, budget: _Budget) -> Iterator[Line]:
    client = transport.Client(bounds=Bounds(whole=budget.seconds))
    try:
        with client.open(transport.Target(url)) as body:
            raw = Stream(_counted(_received(body), budget))
            inside = decompressed(raw, Meter(budget.size_limit, 0))
            chunks = _counted(_chunks(inside), budget) if inside is not None else _chunks(raw)
            for number, data in _split(chunks):
                budget.take_line()
                yield Line(f"{name}:{number}", data)
    except (transport.Permanent, transport.Transient) as error:
        raise FetchFailed("statements", [(name, str(error))]) from error
    except BadArchive as error:
        raise BadArchive(f"{name}: {error.message}") from error


def _received(body: transport.Body) -> Iterator[bytes]:
    """Yield all that was promised: where the end is missing, a disagreement could be."""
    count = 0
    for data in file_chunks(body.read):
        count += len(data)
        yield data
    if body.total is not None and count < body.total:
        raise transport.Transient(f"the connection ended after {count} of {body.total} bytes")


def _chunks(stream: Stream) -> Iterator[bytes]:
    return file_chunks(lambda _: stream.some(CHUNK))


def _counted(chunks: Iterator[bytes], budget: _Budget) -> Iterator[bytes]:
    for chunk in chunks:
        budget.take_bytes(len(chunk))
        yield chunk


def _split(chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield each line that is not empty with its number; never more in memory than a line may
    have."""
    number, line = 1, bytearray()
    for chunk in chunks:
        first, *rest = chunk.split(b"\n")
        line += first[: ENVELOPE_LIMIT + 1 - len(line)]
        for piece in rest:
            if line.strip():
                yield number, bytes(line)
            number += 1
            line = bytearray(piece[: ENVELOPE_LIMIT + 1])
    if line.strip():
        yield number, bytes(line)
