"""``python -m scripts.benchmark.hashing BYTES``: prints the seconds that BLAKE3 takes for so many
bytes that are in memory already, on all processors."""

from __future__ import annotations

import sys
import time

from store import digest

PART = 128 << 20
"""Bytes that are hashed again and again: more than a processor keeps for itself."""


def main() -> None:
    """Hash as many bytes as are asked for."""
    left = int(sys.argv[1])
    part = bytearray(b"x") * min(PART, left)
    hasher = digest.file_hasher(threads=True)
    began = time.perf_counter()
    while left > 0:
        hasher.update(memoryview(part)[:left])
        left -= len(part)
    hasher.digest()
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main()
