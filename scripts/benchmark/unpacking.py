"""``python -m scripts.benchmark.unpacking PACK…``: unpacks packs of a cache, frame by frame, and
hashes their bytes by BLAKE3, on one processor. Nothing is written."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from backports import zstd

from store import digest
from store.cache.zstd import PART


def parts(pack: memoryview) -> Iterator[bytes]:
    """Yield what the frames of a pack hold, in parts of the size that a pull has."""
    while pack:
        size = zstd.get_frame_size(pack)
        decompressor = zstd.ZstdDecompressor()
        yield decompressor.decompress(pack[:size], PART)
        while not decompressor.eof:
            yield decompressor.decompress(b"", PART)
        pack = pack[size:]


def main() -> None:
    """Unpack and hash the files that are named."""
    hasher = digest.file_hasher()
    for path in sys.argv[1:]:
        for part in parts(memoryview(Path(path).read_bytes())):
            hasher.update(part)
    print(hasher.hexdigest())


if __name__ == "__main__":
    main()
