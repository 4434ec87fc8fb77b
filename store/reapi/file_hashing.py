"""The names of files as blobs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import Final

from store.digest import file_hasher
from store.display import quoted, reason
from store.errors import StorageError
from store.reapi.blob import BlobDigest
from store.reapi.process_messages import HashedFile
from store.system.durable import open_file

PIECE: Final = 512 << 10
"""Bytes that are read at a time."""


def hash_files(paths: Sequence[str]) -> Iterator[list[HashedFile]]:
    """Yield files with their digests, in parts and in order. StorageError."""
    from concurrent.futures import ThreadPoolExecutor  # not needed for a few files

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for at in range(0, len(paths), 256):
            yield list(pool.map(hash_file, paths[at : at + 256]))


def hash_file(path: str) -> HashedFile:
    """Return a file with its digests. StorageError."""
    sha256, blake3, size = hashlib.sha256(), file_hasher(), 0
    try:
        with os.fdopen(open_file(path), "rb", buffering=0) as stream:
            while data := stream.read(PIECE):
                sha256.update(data)
                blake3.update(data)
                size += len(data)
        return HashedFile(BlobDigest(sha256.hexdigest(), size), blake3.digest())
    except OSError as error:
        raise StorageError(f"cannot read {quoted(path)}: {reason(error)}") from error
