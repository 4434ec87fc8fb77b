"""A server in memory, with results of actions that a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from store.reapi.action_run import ExecutionEnd
from store.reapi.blob import Blob, BlobDigest, Message
from store.reapi.messages import message


class MemoryServer:
    """Holds blobs; ``answer`` returns the result of an action, given if the cache is skipped."""

    name = "grpc://farm.example:1"

    def __init__(self, answer: Callable[[bool], Message] | None = None) -> None:
        self.blobs: dict[BlobDigest, bytes] = {}
        self.answer = answer
        self.runs = 0

    def put(self, blob: Blob) -> BlobDigest:
        """Hold a blob."""
        assert isinstance(blob.source, bytes)
        self.blobs[blob.digest] = blob.source
        return blob.digest

    def adopt(self) -> None:
        """There is no connection."""

    def close(self) -> None:
        """There is no connection."""

    def missing(self, digests: Sequence[BlobDigest]) -> set[BlobDigest]:
        """Those that are not held."""
        return set(digests) - self.blobs.keys()

    def send(self, blobs: Sequence[Blob]) -> Iterator[int]:
        """Hold blobs."""
        for blob in blobs:
            self.put(blob)
            yield blob.digest.size

    def read_small(self, digests: Sequence[BlobDigest], most: int) -> dict[BlobDigest, bytes]:
        """Blobs that are not larger than ``most``."""
        return {
            each: self.blobs[each] for each in digests if each in self.blobs and each.size <= most
        }

    def execute(self, action: BlobDigest, *, skip_cache: bool) -> Iterator[Any]:
        """The end of an action."""
        assert self.answer is not None
        self.runs += 1
        response = message("ExecuteResponse")(result=self.answer(skip_cache))
        yield ExecutionEnd(response.SerializeToString())
