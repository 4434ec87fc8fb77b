"""The members of an archive, one after the other: tar in any compression, zip, Debian's deb.

The format is recognised by content, never by name. Nothing is trusted and nothing is written here:
a member's path is as the archive has it, but for empty and ``.`` parts.
"""

from __future__ import annotations

import enum
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from store.display import quoted
from store.job_errors import BadArchive
from store.unpack import tar, zips
from store.unpack.compression import Meter, Stream, decompressed, exactly, file_chunks

_AR_MAGIC = b"!<arch>\n"
_PATH_LIMIT = 1 << 12  # characters; the kernel's for a path, in bytes
_LINK_LIMIT = 1 << 12  # bytes; the kernel's for a link's text


class ArchiveKind(enum.Enum):
    """The kind of a member. A hard link's target is a member's path, a symbolic link's is any
    text."""

    FILE = enum.auto()
    DIRECTORY = enum.auto()
    SYMLINK = enum.auto()
    HARDLINK = enum.auto()
    SPECIAL = enum.auto()  # a device, a fifo, or what only its maker knows


@dataclass(frozen=True)
class ArchiveMember:
    """One member. Its ``chunks`` must be taken before the next member is asked for, or not at all.

    ``path`` is relative, without ``.``, ``..`` or empty parts; "" is the tree's top. Bytes that
    are not UTF-8 are kept as lone surrogates.
    """

    path: str
    kind: ArchiveKind
    executable: bool = False
    target: str = ""
    chunks: Callable[[], Iterator[bytes]] = lambda: iter(())


def members(file: IO[bytes], meter: Meter) -> Iterator[ArchiveMember]:
    """Yield the members of the archive ``file``. Raises BadArchive, without the archive's name."""
    start = file.read(8)
    file.seek(0)
    if start.startswith(zips.MAGICS):
        for entry in zips.entries(file, meter):
            yield _zip_member(file, entry, meter)
    else:
        yield from stream_members(Stream(file_chunks(file.read)), meter)


def stream_members(stream: Stream, meter: Meter) -> Iterator[ArchiveMember]:
    """Yield the members of an archive that can only be read forward. Raises BadArchive."""
    start = stream.peek(8)
    if start == _AR_MAGIC:
        yield from _deb_members(stream, meter)
        return
    if start.startswith(zips.MAGICS):
        raise BadArchive("is a zip archive inside another archive, which is not supported")
    yield from _packed_tar_members(stream, meter)


def _packed_tar_members(stream: Stream, meter: Meter) -> Iterator[ArchiveMember]:
    inner = decompressed(stream, meter)
    yield from _tar_members(inner or stream, meter, is_plain=inner is None)


def clean_path(name: str) -> str:
    """Return ``name`` without ``.`` and empty parts. Raises BadArchive when it may lead
    elsewhere."""
    if name.startswith("/"):
        raise BadArchive(f"names an absolute path: {quoted(name)}")
    if len(name) > _PATH_LIMIT:
        raise BadArchive(f"names a path of {len(name)} characters: {quoted(name[:40])}...")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in name:
        raise BadArchive(f"names a path that leaves the tree: {quoted(name)}")
    return "/".join(parts)


def _tar_members(stream: Stream, meter: Meter, *, is_plain: bool) -> Iterator[ArchiveMember]:
    reader = tar.TarReader(stream)
    for header in reader.headers():
        meter.count_entry()
        yield _tar_member(reader, header)
    # Compressed data is known to be whole without the end mark; some writers leave it out.
    if is_plain and not reader.has_end:
        raise BadArchive(f"is damaged, or not an archive: no end mark at byte {stream.tell()}")
    stream.drain()


def _tar_member(reader: tar.TarReader, header: tar.Header) -> ArchiveMember:
    path = clean_path(header.name)
    if header.type == b"5":
        return ArchiveMember(path, ArchiveKind.DIRECTORY)
    if header.type == b"2":
        return ArchiveMember(path, ArchiveKind.SYMLINK, target=header.link)
    if header.type == b"1":
        return ArchiveMember(path, ArchiveKind.HARDLINK, target=clean_path(header.link))
    if header.is_file:
        return _file(path, header.mode, lambda: reader.chunks(header))
    return ArchiveMember(path, ArchiveKind.SPECIAL)


def _file(path: str, mode: int, chunks: Callable[[], Iterator[bytes]]) -> ArchiveMember:
    return ArchiveMember(path, ArchiveKind.FILE, executable=bool(mode & 0o111), chunks=chunks)


def _deb_members(stream: Stream, meter: Meter) -> Iterator[ArchiveMember]:
    """Yield the members of the data archive in a Debian package (deb(5)), which is an ar
    archive."""
    stream.skip(len(_AR_MAGIC))
    while header := stream.read(60):
        match = re.fullmatch(rb"(.{16}).{32}([0-9]{1,10}) *`\n", header, re.DOTALL)
        if not match:
            raise BadArchive(f"has a damaged ar header before byte {stream.tell()}")
        name, size = match[1].decode("latin-1").rstrip(" /"), int(match[2])
        content = Stream(exactly(stream, size))
        if name.startswith("data.tar"):
            # Nothing but a tar archive: packages in packages could go on for ever.
            yield from _packed_tar_members(content, meter)
            return
        content.drain()
        stream.skip(size % 2)
    raise BadArchive("is an ar archive without data.tar, so not a Debian package")


def _zip_member(file: IO[bytes], entry: zips.ZipEntry, meter: Meter) -> ArchiveMember:
    if not entry.name:
        raise BadArchive("holds a file without a name")
    path = clean_path(entry.name)
    kind = stat.S_IFMT(entry.mode)
    if entry.is_encrypted:
        raise BadArchive(f"holds an encrypted file: {quoted(path)}")
    if entry.name.endswith("/"):
        return ArchiveMember(path, ArchiveKind.DIRECTORY)
    if kind == stat.S_IFLNK:
        text = b"".join(_beginning(zips.content(file, entry, meter), _LINK_LIMIT))
        return ArchiveMember(
            path, ArchiveKind.SYMLINK, target=text.decode("utf-8", "surrogateescape")
        )
    if kind not in (0, stat.S_IFREG):
        return ArchiveMember(path, ArchiveKind.SPECIAL)
    return _file(path, entry.mode, lambda: zips.content(file, entry, meter))


def _beginning(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk[:size]
        size -= len(chunk)
        if size <= 0:
            return
