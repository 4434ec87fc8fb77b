"""Logs of builds by others, which caches keep by their digests."""

from __future__ import annotations

from store import digest
from store.cache import file_names, zstd
from store.cache.offering import NamedFiles
from store.errors import CorruptObject, FormatError

LOG_LIMIT = 257 << 20
"""Bytes of a log, compressed or not."""


def taken_log(cache: NamedFiles, log: bytes) -> bytes | None:
    """Return the log with this plain BLAKE3; None when the cache does not have it. Raises
    CacheUnusable; CorruptObject for another log in its place."""
    name = file_names.log(log)
    packed = cache.files([name], LOG_LIMIT).get(name)
    if packed is None:
        if told := cache.damaged():
            raise CorruptObject(told[0])
        return None
    try:
        data = zstd.decompress_record(packed, LOG_LIMIT)
    except FormatError as error:
        raise CorruptObject(f"{cache.name}/{name} is damaged: {error.message}") from error
    if digest.file_digest(data) != log:
        raise CorruptObject(f"{cache.name}/{name} is damaged: it is another log")
    return data
