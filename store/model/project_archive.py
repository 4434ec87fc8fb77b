"""The project's own source as one archive: the engine, the recipes and the seeds' pins.

It is made anew whenever it is wanted, and has the same bytes for the same files: names, contents,
and nothing else of them. A recipe computes its hash, and fetching makes the file.
"""

from __future__ import annotations

import os.path
import stat
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from store.errors import FormatError
from store.model.locators import PROJECT

PARTS: Final = ("LICENSE", "bootstrap-seeds", "derivations", "store")
"""The entries of the project's folder that belong to it, sorted."""

DOCS: Final = ("LICENSE", "README.md", "docs")
"""The entries that the archive of its documents has, sorted. They name objects as examples, which
would become references of a package that holds them."""

_DOCS: Final = "#docs"
"""The end of the locator of that archive. A quoted path has no such character."""

_ENGINE: Final = "store/__init__.py"
_LEFT_OUT: Final = (".pyc", ".tsv", "~")
"""Endings of names: also of ledgers, which name objects that would become references."""
_BLOCK: Final = 512
_LONGEST: Final = 100
"""Bytes of a name."""


class FolderReader(NamedTuple):
    """The ways to look at files: as ``os.listdir``, as ``os.lstat``, and the content of a path."""

    listdir: Callable[[str], list[str]]
    lstat: Callable[[str], os.stat_result]
    read: Callable[[str], bytes]


def project_locator(quoted_path: str, *, docs: bool = False) -> str:
    """Return the locator of the project in a folder, or of its documents."""
    return PROJECT + quoted_path + _DOCS * docs


def located(locator: str) -> tuple[str, tuple[str, ...]]:
    """Return the quoted path of a project's locator, and the entries that its archive has."""
    path = locator.removeprefix(PROJECT)
    return (path.removesuffix(_DOCS), DOCS) if path.endswith(_DOCS) else (path, PARTS)


def project_parts(recipes: str, is_file: Callable[[str], bool]) -> list[str]:
    """Return the places beside a folder of recipes that belong to its project; none where it has no
    engine beside it."""
    top = os.path.dirname(recipes)
    parts = sorted({*PARTS, *DOCS})
    return [f"{top}/{part}" for part in parts] if is_file(f"{top}/{_ENGINE}") else []


def project_archive(top: str, reader: FolderReader, parts: tuple[str, ...] = PARTS) -> bytes:
    """Return the files below ``top`` as a tar archive; FormatError for a name that is too long.

    Links, hidden files, ledgers, compiled modules and copies of editors are left out.
    """
    return b"".join(archive_pieces(top, reader, parts))


def archive_pieces(
    top: str, reader: FolderReader, parts: tuple[str, ...] = PARTS
) -> Iterator[bytes]:
    """Yield the pieces of :func:`project_archive`, for a hash."""
    for name in parts:
        for path in _files(top, name, reader):
            content = reader.read(f"{top}/{path}")
            yield _header(path, len(content))
            yield content
            yield bytes(-len(content) % _BLOCK)
    yield bytes(2 * _BLOCK)


def _files(top: str, path: str, reader: FolderReader) -> Iterator[str]:
    try:
        mode = reader.lstat(f"{top}/{path}").st_mode
    except FileNotFoundError:
        return
    if stat.S_ISREG(mode):
        yield path
    elif stat.S_ISDIR(mode):
        for name in sorted(reader.listdir(f"{top}/{path}")):
            if not name.startswith((".", "__pycache__")) and not name.endswith(_LEFT_OUT):
                yield from _files(top, f"{path}/{name}", reader)


def _header(path: str, size: int) -> bytes:
    """Return a member's head as POSIX has it (ustar)."""
    name = path.encode("utf-8", "surrogateescape")
    if len(name) > _LONGEST:
        raise FormatError(f"a name of more than {_LONGEST} bytes in the project")
    before = name.ljust(_LONGEST, b"\0") + b"0000644\0%07o\0%07o\0%011o\0%011o\0" % (0, 0, size, 1)
    return b"%b%06o\0 %b" % (before, sum(before) + _SUM, _AFTER)


_AFTER: Final = (b"0".ljust(101, b"\0") + b"ustar\x0000").ljust(_BLOCK - _LONGEST - 56, b"\0")
"""The part of a head behind its sum: an ordinary file."""

_SUM: Final = 8 * ord(" ") + sum(_AFTER)
"""Of the bytes that are the same in each head."""
