"""Small blobs of several objects: one question for all, and each is taken once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from store.cache import blob_runs
from store.cache.blob_runs import LITTLE, BlobBatch
from store.reapi.blob import Blob, BlobDigest, BlobPiece, blob_of
from tests.unit.farm.memory_server import MemoryServer

SMALL = [blob_of(b"%d" % number) for number in range(5)]
LARGE = blob_of(bytes(LITTLE + 1))


class AskedServer(MemoryServer):
    """Counts the blobs of each question."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def _read(self, digests: Sequence[BlobDigest]) -> Iterator[list[BlobPiece]]:
        self.asked.append(len(digests))
        yield from super()._read(digests)


@pytest.fixture
def server() -> AskedServer:
    made = AskedServer()
    for blob in (*SMALL, LARGE):
        made.put(blob)
    return made


def data(blobs: Sequence[Blob]) -> dict[BlobDigest, object]:
    return {blob.digest: blob.source for blob in blobs}


def test_the_first_asks_for_all_and_each_is_taken_once(server: AskedServer) -> None:
    batch = BlobBatch(server)
    batch.add(data(SMALL))
    assert batch.take([SMALL[0].digest]) == data(SMALL[:1])
    assert batch.take(data(SMALL)) == data(SMALL[1:])
    assert batch.take(data(SMALL)) == {}
    assert server.asked == [5]


def test_a_large_blob_is_in_no_batch(server: AskedServer) -> None:
    batch = BlobBatch(server)
    batch.add([LARGE.digest])
    assert batch.take([LARGE.digest]) == {}
    assert server.asked == []


def test_a_blob_that_the_server_lost_is_left_out(server: AskedServer) -> None:
    batch = BlobBatch(server)
    del server.blobs[SMALL[1].digest]
    batch.add(data(SMALL))
    assert batch.take(data(SMALL[:2])) == data(SMALL[:1])
    assert batch.take(data(SMALL[2:])) == data(SMALL[2:])


def test_a_question_has_its_bound(server: AskedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blob_runs, "BATCH", 3)
    batch = BlobBatch(server)
    batch.add(data(SMALL))
    assert batch.take([SMALL[4].digest]) == data(SMALL[4:])
    assert batch.take(data(SMALL[:4])) == data(SMALL[:4])
    assert server.asked == [3, 2]
