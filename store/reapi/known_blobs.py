"""Small blobs that the process which speaks to a server has had already."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Final

from store.reapi.blob import BlobDigest

MOST: Final = 16 << 20
"""Bytes of all of them, at most."""

SMALL: Final = 64 << 10
"""Bytes of one, at most."""


class KnownBlobs:
    """Blobs that need not be asked for again. When there are too many bytes, the oldest ones are
    forgotten. Several threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blobs: dict[BlobDigest, bytes] = {}
        self._size = 0

    def add(self, blobs: Mapping[BlobDigest, bytes]) -> None:
        """Keep these blobs, which have their digests, but for those that are not small."""
        with self._lock:
            for digest, data in blobs.items():
                if digest.size <= SMALL and digest not in self._blobs:
                    self._blobs[digest] = data
                    self._size += digest.size
            while self._size > MOST:
                oldest = next(iter(self._blobs))
                del self._blobs[oldest]
                self._size -= oldest.size

    def of(self, digests: Iterable[BlobDigest]) -> dict[BlobDigest, bytes]:
        """Return those of the blobs that are known."""
        with self._lock:
            return {each: self._blobs[each] for each in digests if each in self._blobs}
