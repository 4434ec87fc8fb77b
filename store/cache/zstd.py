"""Zstandard, by one library that is loaded when it is needed; every frame states its size."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from store.errors import FormatError
from store.job_errors import CacheUnusable

LEVEL = 3

PART = 64 << 10
"""Bytes of a part."""


@cache
def _library() -> Any:
    """Return the library. Raises CacheUnusable where there is none."""
    try:
        from backports import zstd
    except ImportError as error:
        raise CacheUnusable(
            "caches are compressed with Zstandard, which this Python was built without",
            hint="use a Python with the package backports.zstd",
        ) from error
    return zstd


def compress(
    data: bytes | bytearray | memoryview, level: int = LEVEL, *, checksum: bool = False
) -> bytes:
    """Return one frame that states the size of the data, and has a checksum if that is wanted."""
    zstd = _library()
    parameter = zstd.CompressionParameter
    options = {parameter.compression_level: level, parameter.checksum_flag: int(checksum)}
    frame: bytes = zstd.compress(data, options=options)
    return frame


def decompress(frame: bytes | memoryview, size: int) -> bytes:
    """Return the ``size`` bytes that the one frame holds; FormatError for anything else, found out
    before more memory is taken."""
    zstd = _library()
    try:
        stated = zstd.get_frame_info(frame).decompressed_size
        if stated != size:
            raise FormatError(f"a compressed frame of {stated} bytes, not of {size}")
        decompressor = zstd.ZstdDecompressor()
        # One byte more than there may be: so the end of the frame is seen.
        data: bytes = decompressor.decompress(frame, size + 1)
    except zstd.ZstdError as error:
        raise FormatError("a compressed frame that is damaged") from error
    if len(data) != size or not decompressor.eof or decompressor.unused_data:
        raise FormatError("a compressed frame that is damaged")
    return data


def decompressed(frame: bytes | memoryview, size: int) -> Iterator[bytes]:
    """Yield the ``size`` bytes that the one frame holds, in parts that stay in a processor's cache.
    FormatError for anything else, at the end at the latest, and never after more bytes."""
    zstd = _library()
    try:
        stated = zstd.get_frame_info(frame).decompressed_size
        if stated != size:
            raise FormatError(f"a compressed frame of {stated} bytes, not of {size}")
        decompressor = zstd.ZstdDecompressor()
        left, data = size, decompressor.decompress(frame, PART)
        while data and len(data) <= left:
            left -= len(data)
            yield data
            data = b"" if decompressor.eof else decompressor.decompress(b"", PART)
    except zstd.ZstdError as error:
        raise FormatError("a compressed frame that is damaged") from error
    if data or left or not decompressor.eof or decompressor.unused_data:
        raise FormatError("a compressed frame that is damaged")


def decompress_record(frame: bytes, limit: int) -> bytes:
    """Return the data of the one frame, at most ``limit`` bytes; FormatError for anything else."""
    zstd = _library()
    try:
        size = zstd.get_frame_info(frame).decompressed_size
    except zstd.ZstdError as error:
        raise FormatError("this is not compressed with Zstandard") from error
    if size is None or size > limit:
        raise FormatError(f"a compressed record of more than {limit} bytes")
    return decompress(frame, size)
