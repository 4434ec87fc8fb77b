"""Sending blobs to a server, and asking it before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import pytest

from store.reapi.blob import Blob, BlobDigest, blob_of
from store.reapi.server_calls import UNASKED, ServerCalls, send_blobs


class Holding:
    """A server that has all blobs."""

    def __init__(self) -> None:
        self.asked = 0
        self.sent: list[BlobDigest] = []

    def missing(self, digests: Sequence[BlobDigest]) -> set[BlobDigest]:
        self.asked += 1
        return set()

    def send(self, blobs: Sequence[Blob]) -> Iterator[int]:
        self.sent += [blob.digest for blob in blobs]
        yield 0


@pytest.mark.parametrize(
    ("sizes", "asked"), [([10, 20], 0), ([UNASKED + 1], 1), ([1000] * 200, 1), ([0], 0)]
)
def test_only_of_a_few_small_blobs_the_server_is_not_asked(sizes: list[int], asked: int) -> None:
    server = Holding()
    blobs = [blob_of(bytes([number % 256]) * size) for number, size in enumerate(sizes)]
    send_blobs(cast(ServerCalls, server), blobs)
    assert server.asked == asked
    # The empty blob is everywhere.
    few = [blob.digest for blob in blobs if blob.digest.size]
    assert server.sent == ([] if asked else few)
