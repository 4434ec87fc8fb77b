"""The one compression of caches, and a Python without it."""

import sys

import pytest

from store.cache import zstd
from store.job_errors import CacheUnusable


def test_what_is_compressed_comes_back() -> None:
    data = b"content" * 1000
    frame = zstd.compress(data)
    assert len(frame) < 100
    assert zstd.decompress(frame, len(data)) == b"".join(zstd.decompressed(frame, len(data)))
    assert zstd.decompress_record(frame, len(data)) == data


def test_a_python_without_the_library_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "backports", None)
    zstd._library.cache_clear()
    with pytest.raises(CacheUnusable, match="built without") as caught:
        zstd.compress(b"x")
    assert "backports.zstd" in (caught.value.hint or "")
    zstd._library.cache_clear()
