"""Reading a zip archive: its directory by Python's reader, the bytes of its files by our own.

Archives are hostile. The directory is bounded before it is read. No two files may share bytes: a
small archive could come to petabytes. Each file is unpacked in bounded memory and checked.
"""

from __future__ import annotations

import contextlib
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

from store.display import quoted
from store.job_errors import BadArchive
from store.unpack.compression import CHUNK, Meter, Stream, exactly, inflated, words

MAGICS: Final = (b"PK\x03\x04", b"PK\x05\x06")

DIRECTORY_LIMIT: Final = 24 << 20
"""Bytes of an archive's directory: some 250,000 files. In memory it is twelve times as much."""

_HEADER: Final = struct.Struct("<4s2xHH4x4x4x4xHH")
_STORED: Final = 0
_ENCRYPTED: Final = 1


@dataclass(frozen=True)
class ZipEntry:
    """A file of the archive. ``size`` bytes, ``packed`` in the archive, its header at ``place``."""

    name: str
    mode: int
    method: int
    size: int
    packed: int
    crc: int
    place: int
    is_encrypted: bool


def entries(file: IO[bytes], meter: Meter) -> Iterator[ZipEntry]:
    """Yield the files in the order of the directory. Raises BadArchive."""
    with _damage_is_bad_archive():
        _check_directory(file)
        with zipfile.ZipFile(file) as archive:
            found = archive.infolist()
        _check_apart(found)
    for info in found:
        meter.count_entry()
        yield ZipEntry(
            info.filename,
            info.external_attr >> 16,
            info.compress_type,
            info.file_size,
            info.compress_size,
            info.CRC,
            info.header_offset,
            bool(info.flag_bits & _ENCRYPTED),
        )


def _check_directory(file: IO[bytes]) -> None:
    # The same look for the end of the archive that ZipFile takes, so that both find the same one.
    end: Any = zipfile._EndRecData(file)  # type: ignore[attr-defined]
    if end and end[zipfile._ECD_SIZE] > DIRECTORY_LIMIT:  # type: ignore[attr-defined]
        raise BadArchive(f"has a directory of more than {DIRECTORY_LIMIT >> 20} MiB")


def _check_apart(found: list[zipfile.ZipInfo]) -> None:
    last = 0
    for place, size in sorted((info.header_offset, info.compress_size) for info in found):
        if place < last:
            raise BadArchive("holds files that overlap each other")
        last = place + _HEADER.size + size


def content(file: IO[bytes], entry: ZipEntry, meter: Meter) -> Iterator[bytes]:
    """Yield the bytes of one file, checked at their end. Raises BadArchive."""
    crc, size = 0, 0
    with _damage_is_bad_archive():
        for chunk in _unpacked(file, entry, meter):
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
            if size > entry.size:
                break
            yield chunk
        if size != entry.size:
            raise zipfile.BadZipFile(f"{quoted(entry.name)} does not come to {entry.size} bytes")
        if crc != entry.crc:
            raise zipfile.BadZipFile(f"the checksum of {quoted(entry.name)} differs")


def _unpacked(file: IO[bytes], entry: ZipEntry, meter: Meter) -> Iterator[bytes]:
    file.seek(entry.place)
    magic, _, method, name, extra = _HEADER.unpack(file.read(_HEADER.size))
    if magic != MAGICS[0] or method != entry.method:
        raise zipfile.BadZipFile(
            f"the header of {quoted(entry.name)} is not what the directory says"
        )
    file.seek(name + extra, 1)
    packed = exactly(Stream(_chunks(file)), entry.packed)
    if method == _STORED:
        for chunk in packed:
            meter.count_read(len(chunk))
            yield chunk
        return
    unpacked = inflated(Stream(packed), method, meter)
    if unpacked is None:
        raise NotImplementedError(f"{quoted(entry.name)} is compressed by method {method}")
    yield from unpacked


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    # Whoever takes another file's bytes meanwhile moves the place in the archive.
    place = file.tell()
    while True:
        file.seek(place)
        data = file.read(CHUNK)
        if not data:
            return
        place += len(data)
        yield data


@contextlib.contextmanager
def _damage_is_bad_archive() -> Iterator[None]:
    damage = (zipfile.BadZipFile, zlib.error, struct.error, MemoryError)
    try:
        yield
    except (*damage, OSError, NotImplementedError, ValueError, EOFError) as error:
        raise BadArchive(f"is damaged, or of an unknown kind of zip: {words(error)}") from error
