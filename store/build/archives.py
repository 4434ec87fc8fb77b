"""The members of an archive, one after the other: tar in any compression, zip, Debian's deb.

The format is told by content, never by name. Nothing is trusted and nothing is written here: a
member's path is as the archive has it, but for empty and ``.`` parts.
"""

from __future__ import annotations

import contextlib
import enum
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, cast

from store.build.streams import CHUNK, Meter, Stream, decompressed, exactly, file_chunks
from store.errors import BadArchive

_AR_MAGIC = b"!<arch>\n"
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
_HEADER_LIMIT = 1 << 20  # bytes; long names and pax headers are read into memory whole
_LINK_LIMIT = 1 << 12  # bytes; the kernel's for a link's text


class Kind(enum.Enum):
    """What a member is. A hard link's target is a member's path, a symbolic link's is any text."""

    FILE = enum.auto()
    DIRECTORY = enum.auto()
    SYMLINK = enum.auto()
    HARDLINK = enum.auto()
    SPECIAL = enum.auto()  # a device, a fifo, or what only its maker knows


@dataclass(frozen=True)
class Member:
    """One member. Its ``chunks`` must be taken before the next member is asked for, or not at all.

    ``path`` is relative, without ``.``, ``..`` or empty parts; "" is the tree's top. Bytes that
    are not UTF-8 are kept as lone surrogates.
    """

    path: str
    kind: Kind
    executable: bool = False
    target: str = ""
    chunks: Callable[[], Iterator[bytes]] = lambda: iter(())


def members(file: IO[bytes], meter: Meter) -> Iterator[Member]:
    """The members of the archive ``file``. Raises BadArchive, without the archive's name."""
    start = file.read(8)
    file.seek(0)
    if start.startswith(_ZIP_MAGICS):
        yield from _zip_members(file, meter)
    else:
        yield from stream_members(Stream(file_chunks(file.read)), meter)


def stream_members(stream: Stream, meter: Meter) -> Iterator[Member]:
    """The members of an archive that can only be read forward. Raises BadArchive."""
    start = stream.peek(8)
    if start == _AR_MAGIC:
        yield from _deb_members(stream, meter)
        return
    if start.startswith(_ZIP_MAGICS):
        raise BadArchive("is a zip archive inside another archive, which is not supported")
    inner = decompressed(stream, meter)
    yield from _tar_members(inner or stream, meter, is_plain=inner is None)


def clean_path(name: str) -> str:
    """``name`` without ``.`` and empty parts. Raises BadArchive when it may lead elsewhere."""
    if name.startswith("/"):
        raise BadArchive(f"names an absolute path: {name!r}")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in name:
        raise BadArchive(f"names a path that leaves the tree: {name!r}")
    return "/".join(parts)


class _TarInfo(tarfile.TarInfo):
    """Headers read strictly: tarfile takes a damaged one, but for the first, for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _TarInfo:
        try:
            info = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if not any(buf):
                raise  # the end
            raise tarfile.ReadError(f"a damaged header ({error})") from error
        is_extension = info.type not in tarfile.SUPPORTED_TYPES or info.type in (
            tarfile.GNUTYPE_LONGNAME,
            tarfile.GNUTYPE_LONGLINK,
            tarfile.XHDTYPE,
            tarfile.XGLTYPE,
            tarfile.SOLARIS_XHDTYPE,
        )
        if is_extension and info.size > _HEADER_LIMIT:
            raise tarfile.ReadError(f"an extended header of {info.size} bytes")
        return info


def _tar_members(stream: Stream, meter: Meter, *, is_plain: bool) -> Iterator[Member]:
    with _damage_is_bad_archive(stream):
        tar = tarfile.TarFile(
            fileobj=cast("IO[bytes]", stream),
            mode="r",
            tarinfo=_TarInfo,
            encoding="utf-8",
            errors="surrogateescape",
        )
        while (info := tar.next()) is not None:
            cast("Any", tar).members = []  # tarfile keeps every member it has seen
            meter.count_entry()
            yield _tar_member(tar, info, stream)
        # Compressed data is known to be whole without the end mark; some writers leave it out.
        if is_plain and stream.tell() == tar.offset:
            raise tarfile.ReadError("no end mark")
        stream.drain()


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo, stream: Stream) -> Member:
    path = clean_path(info.name)
    if info.isdir():
        return Member(path, Kind.DIRECTORY)
    if info.issym():
        return Member(path, Kind.SYMLINK, target=info.linkname)
    if info.islnk():
        return Member(path, Kind.HARDLINK, target=clean_path(info.linkname))
    if info.issparse():
        return _file(path, info.mode, lambda: _sparse_chunks(tar, info, stream))
    if info.isreg():
        return _file(path, info.mode, lambda: exactly(stream, info.size))
    return Member(path, Kind.SPECIAL)


def _sparse_chunks(tar: tarfile.TarFile, info: tarfile.TarInfo, stream: Stream) -> Iterator[bytes]:
    with _damage_is_bad_archive(stream):
        yield from file_chunks(cast("IO[bytes]", tar.extractfile(info)).read)


@contextlib.contextmanager
def _damage_is_bad_archive(stream: Stream) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, ValueError, OverflowError) as error:
        where = f"at byte {stream.tell()} of the tar data"
        raise BadArchive(f"is damaged, or not an archive: {error} {where}") from error


def _file(path: str, mode: int, chunks: Callable[[], Iterator[bytes]]) -> Member:
    return Member(path, Kind.FILE, executable=bool(mode & 0o111), chunks=chunks)


def _deb_members(stream: Stream, meter: Meter) -> Iterator[Member]:
    """The members of the data archive in a Debian package (deb(5)), which is an ar archive."""
    stream.skip(len(_AR_MAGIC))
    while header := stream.read(60):
        match = re.fullmatch(rb"(.{16}).{32}([0-9]{1,10}) *`\n", header, re.DOTALL)
        if not match:
            raise BadArchive(f"has a damaged ar header before byte {stream.tell()}")
        name, size = match[1].decode("latin-1").rstrip(" /"), int(match[2])
        content = Stream(exactly(stream, size))
        if name.startswith("data.tar"):
            yield from stream_members(content, meter)
            return
        content.drain()
        stream.skip(size % 2)
    raise BadArchive("is an ar archive without data.tar, so not a Debian package")


def _zip_members(file: IO[bytes], meter: Meter) -> Iterator[Member]:
    with _zip_damage_is_bad_archive(), zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            meter.count_entry()
            yield _zip_member(archive, info, meter)


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, meter: Meter) -> Member:
    if not info.filename:
        raise BadArchive("holds a file without a name")
    path = clean_path(info.filename)
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if info.flag_bits & 1:
        raise BadArchive(f"holds an encrypted file: {path!r}")
    if info.is_dir():
        return Member(path, Kind.DIRECTORY)
    if kind == stat.S_IFLNK:
        with archive.open(info) as content:
            text = content.read(_LINK_LIMIT)
        return Member(path, Kind.SYMLINK, target=text.decode("utf-8", "surrogateescape"))
    if kind not in (0, stat.S_IFREG):
        return Member(path, Kind.SPECIAL)
    return _file(path, mode, lambda: _zip_content(archive, info, meter))


def _zip_content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, meter: Meter) -> Iterator[bytes]:
    with _zip_damage_is_bad_archive(), archive.open(info) as content:
        while data := content.read(CHUNK):
            meter.count_read(len(data))
            yield data


@contextlib.contextmanager
def _zip_damage_is_bad_archive() -> Iterator[None]:
    damage = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError)
    try:
        yield
    except (*damage, NotImplementedError, ValueError, EOFError) as error:
        raise BadArchive(f"is damaged, or of an unknown kind of zip: {error}") from error
