"""The SHA-256 of contents: for servers that name files by it, beside the BLAKE3 that we have.

A file of its own, ``sha256.mdb``: it follows from the objects, so it is not copied with the rest,
and a damaged one is thrown away. It is a hint, and nobody believes it: bytes from a server are
checked by their BLAKE3. Keys are plain BLAKE3 (32 bytes), values SHA-256 (32).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Final

from store.index.growing import growing
from store.index.hint_file import HintFile

_FIRST_MAP: Final = 16 << 20
_SIZE: Final = 32


class Sha256Table:
    """The table in an index's folder, open during a call only. An entry that cannot be read or
    written is left out."""

    def __init__(self, index: str) -> None:
        self._file = HintFile(index, "sha256", contents="digests", first_map=_FIRST_MAP)

    def find(self, contents: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the SHA-256 of those of the contents that are known."""
        if not os.path.exists(self._file.path):
            return {}

        def work(env: Any) -> dict[bytes, bytes]:
            with env.begin() as txn, txn.cursor() as cursor:
                found = dict(cursor.getmulti([*contents]))
            return {key: value for key, value in found.items() if len(value) == _SIZE}

        return self._file.use(work, readonly=True) or {}

    def note(self, found: Mapping[bytes, bytes]) -> None:
        """Keep the SHA-256 of contents."""
        if not found:
            return

        def put(txn: Any) -> None:
            with txn.cursor() as cursor:
                cursor.putmulti(sorted(found.items()))

        self._file.use(lambda env: growing(env, put), readonly=False)

    def clear(self) -> None:
        """Remove all of it, and anything but a file in the place of its lock. OSError."""
        self._file.clear()
