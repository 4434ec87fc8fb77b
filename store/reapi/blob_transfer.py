"""Sending and getting blobs: small ones many at once, large ones in streams."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from store.display import printable, quoted, reason
from store.errors import StorageError
from store.reapi import status
from store.reapi.blob import (
    EMPTY,
    Blob,
    BlobDigest,
    BlobPiece,
    Message,
    digest_message,
    read_digest,
)
from store.reapi.channel import PAUSES, TOO_SLOW, CallFailed, Channel
from store.reapi.file_hashing import PIECE
from store.reapi.messages import message
from store.system.durable import open_file

BATCH: Final = 1 << 20
"""Bytes of blobs that go in one message; a blob of more goes in a stream."""

BATCH_COUNT: Final = 2000
"""Blobs that go in one message."""

ASKED: Final = 8000
"""Digests in one question for missing blobs."""

SLOW_TIME: Final = 30.0
"""Seconds of waiting for a stream after which it is judged."""

SLOW_RATE: Final = 1024
"""Bytes a second that it has to bring."""

AT_ONCE: Final = 4
"""Transfers at a time."""

_OVERHEAD: Final = 200  # bytes of a message for each blob beside its own


class BlobTransfer:
    """The blobs of a server. ``limit`` is what it takes in one message; 0 for no limit."""

    def __init__(self, channel: Channel, limit: int) -> None:
        self._channel = channel
        self._batch = min(BATCH, limit // 2) if limit else BATCH

    def missing(self, digests: Collection[BlobDigest]) -> Iterator[list[BlobDigest]]:
        """Yield, in parts, those of the blobs that the server lacks."""
        request = message("FindMissingBlobsRequest")
        wanted = sorted(set(digests) - {EMPTY})
        parts = (wanted[at : at + ASKED] for at in range(0, len(wanted), ASKED))
        requests = (
            request(instance_name=self._channel.instance, blob_digests=map(digest_message, part))
            for part in parts
        )
        known = set(wanted)
        for answer in self._channel.unaries("ContentAddressableStorage.FindMissingBlobs", requests):
            if isinstance(answer, CallFailed):
                raise self._channel.unusable(answer)
            yield [each for each in map(read_digest, answer.missing_blob_digests) if each in known]

    # -- sending --

    def send(self, blobs: Sequence[Blob]) -> Iterator[int]:
        """Send blobs; yields the bytes of each step. Raises ServerUnusable,
        StorageError."""
        small = [blob for blob in blobs if self._fits(blob.digest)]
        large = [blob for blob in blobs if not self._fits(blob.digest)]
        batches = list(_batches(small, self._batch))
        try:
            if len(batches) <= 1 and not large:  # not worth a thread
                yield from map(self._send_batch, batches)
                return
            from concurrent.futures import ThreadPoolExecutor  # not needed for small blobs

            with ThreadPoolExecutor(AT_ONCE) as pool:
                try:
                    yield from pool.map(self._send_batch, batches)
                    yield from pool.map(self._send_stream, large)
                except CallFailed:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
        except CallFailed as error:
            raise self._channel.unusable(error) from error

    def _fits(self, digest: BlobDigest) -> bool:
        return digest.size + _OVERHEAD <= self._batch

    def _send_batch(self, blobs: Sequence[Blob]) -> int:
        request = message("BatchUpdateBlobsRequest")(instance_name=self._channel.instance)
        for blob in blobs:
            request.requests.add(digest=digest_message(blob.digest), data=_bytes(blob))
        answer = self._channel.unary("ContentAddressableStorage.BatchUpdateBlobs", request)
        for each in answer.responses:
            if each.status.code != status.OK:
                raise CallFailed(f"code {each.status.code}", printable(each.status.message[:300]))
        return sum(blob.digest.size for blob in blobs)

    def _send_stream(self, blob: Blob) -> int:
        def work() -> None:
            size = blob.digest.size
            answer = self._channel.send("google.bytestream.ByteStream.Write", self._writes(blob))
            if answer.committed_size not in (size, -1):
                raise CallFailed("ABORTED", f"{answer.committed_size} of {size} bytes were taken")

        self._channel.retried(work)
        return blob.digest.size

    def _writes(self, blob: Blob) -> Iterator[Message]:
        import uuid  # not needed for small blobs; it takes as long to load as several calls

        request = message("google.bytestream.WriteRequest")
        instance = f"{self._channel.instance}/" if self._channel.instance else ""
        place = f"{instance}uploads/{uuid.uuid4()}/blobs/{blob.digest.hash}/{blob.digest.size}"
        offset = 0
        for data in _pieces(blob):
            end = offset + len(data)
            done = end == blob.digest.size
            yield request(
                resource_name="" if offset else place,
                write_offset=offset,
                finish_write=done,
                data=data,
            )
            offset = end

    # -- getting --

    def read(self, digests: Collection[BlobDigest]) -> Iterator[BlobPiece]:
        """Yield the blobs, each whole and from its beginning on, small ones first; one that is not
        there, or comes otherwise than announced, is left out, or ends early. The bytes of small
        ones were checked. Raises ServerUnusable."""
        wanted = sorted(set(digests) - {EMPTY})
        small = [each for each in wanted if self._fits(each)]
        batches = _batches([Blob(each, b"") for each in small], self._batch)
        requests = (self._read_request([blob.digest for blob in batch]) for batch in batches)
        known = set(small)
        answers = self._channel.unaries(
            "ContentAddressableStorage.BatchReadBlobs", requests, most=AT_ONCE
        )
        for answer in answers:
            if isinstance(answer, CallFailed):
                raise self._channel.unusable(answer)
            yield from _whole(answer, known)
        for each in wanted:
            if not self._fits(each):
                yield from self._read_stream(each)

    def _read_request(self, digests: Sequence[BlobDigest]) -> Message:
        return message("BatchReadBlobsRequest")(
            instance_name=self._channel.instance, digests=map(digest_message, digests)
        )

    def _read_stream(self, digest: BlobDigest) -> Iterator[BlobPiece]:
        """Yield the pieces of a large blob; after a failure, from where it was."""
        offset, failures, pace = 0, 0, _Pace()
        while offset < digest.size:
            try:
                for data in pace.watched(self._read_on(digest, offset)):
                    if offset + len(data) > digest.size:
                        return
                    if data:
                        yield BlobPiece(digest, offset, data)
                        offset, failures = offset + len(data), 0
                return
            except CallFailed as error:
                failures += 1
                if error.code in ("NOT_FOUND", "OUT_OF_RANGE", "DATA_LOSS"):
                    return
                if failures > len(PAUSES) or error.code == TOO_SLOW:
                    raise self._channel.unusable(error) from error

    def _read_on(self, digest: BlobDigest, offset: int) -> Iterator[bytes]:
        instance = f"{self._channel.instance}/" if self._channel.instance else ""
        request = message("google.bytestream.ReadRequest")(
            resource_name=f"{instance}blobs/{digest.hash}/{digest.size}", read_offset=offset
        )
        for answer in self._channel.stream("google.bytestream.ByteStream.Read", request):
            yield answer.data


class _Pace:
    """The time that a stream, and those after it, was waited for, and the bytes that came."""

    def __init__(self) -> None:
        self._waited = 0.0
        self._came = 0

    def watched(self, stream: Iterator[bytes]) -> Iterator[bytes]:
        """Yield all data; CallFailed when that is too little for too long."""
        while True:
            began = time.monotonic()
            data = next(stream, None)
            self._count(time.monotonic() - began, len(data or b""))
            if data is None:
                return
            yield data

    def _count(self, seconds: float, size: int) -> None:
        self._waited += seconds
        self._came += size
        if self._waited >= SLOW_TIME:
            if self._came < SLOW_RATE * SLOW_TIME:
                text = f"sent less than {SLOW_RATE} bytes a second for {SLOW_TIME:g} s"
                raise CallFailed(TOO_SLOW, text)
            self._waited, self._came = 0.0, 0


def _batches(blobs: Iterable[Blob], limit: int) -> Iterator[list[Blob]]:
    part: list[Blob] = []
    size = 0
    for blob in blobs:
        weight = blob.digest.size + _OVERHEAD
        if part and (size + weight > limit or len(part) == BATCH_COUNT):
            yield part
            part, size = [], 0
        part.append(blob)
        size += weight
    if part:
        yield part


def _whole(answer: Message, known: set[BlobDigest]) -> Iterator[BlobPiece]:
    for each in answer.responses:
        digest, data = read_digest(each.digest), each.data
        if each.status.code != status.OK or digest not in known or len(data) != digest.size:
            continue
        if hashlib.sha256(data).hexdigest() == digest.hash:
            yield BlobPiece(digest, 0, data)


def _bytes(blob: Blob) -> bytes:
    return b"".join(_pieces(blob))


def _pieces(blob: Blob) -> Iterator[bytes]:
    """Yield the bytes to be sent; StorageError when a file has fewer or more by now."""
    if isinstance(blob.source, bytes):
        data = blob.source
        yield from (data[at : at + PIECE] for at in range(0, len(data), PIECE))
        return
    left = blob.digest.size
    try:
        with os.fdopen(open_file(blob.source), "rb", buffering=0) as stream:
            while left and (data := stream.read(min(PIECE, left))):
                left -= len(data)
                yield data
            longer = bool(stream.read(1))
    except OSError as error:
        raise StorageError(f"cannot read {quoted(blob.source)}: {reason(error)}") from error
    if left or longer:
        raise StorageError(f"{quoted(blob.source)} has another size than it had")
