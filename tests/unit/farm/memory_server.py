"""A server in memory, with results of actions that a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from store.reapi.blob import Blob, BlobDigest, BlobPiece, Message
from store.reapi.file_hashing import hash_files
from store.reapi.messages import message
from store.reapi.process_messages import ExecutionEnd, HashedFile, ServerCapabilities
from store.reapi.server_calls import ServerCalls


class MemoryServer(ServerCalls):
    """Holds blobs and results of actions. ``answer`` returns the result of an action that is run,
    given if the cache is skipped. ``forgets`` says of which blobs it keeps nothing; ``cached``,
    that it says of results that it had them, unless the cache is skipped."""

    name = "grpc://farm.example:1"

    def __init__(self, answer: Callable[[bool], Message] | None = None) -> None:
        self.blobs: dict[BlobDigest, bytes] = {}
        self.kept: dict[BlobDigest, bytes] = {}
        self.answer = answer
        self.updates = True
        self.forgets: Callable[[BlobDigest], bool] = lambda digest: False
        self.cached = False
        self.runs = 0
        self.action: BlobDigest | None = None  # the last one that was run
        self.sent = 0

    def put(self, blob: Blob) -> BlobDigest:
        """Hold a blob."""
        source = blob.source
        self.blobs[blob.digest] = source if isinstance(source, bytes) else Path(source).read_bytes()
        return blob.digest

    def adopt(self) -> None:
        """There is no connection."""

    def close(self) -> None:
        """There is no connection."""

    def _call(self, name: str, *args: Any) -> Iterator[Any]:
        yield from getattr(self, f"_{name}")(*args)

    def _capabilities(self) -> Iterator[ServerCapabilities]:
        yield ServerCapabilities(0, self.updates, self.answer is not None)

    def _missing(self, digests: Sequence[BlobDigest]) -> Iterator[list[BlobDigest]]:
        yield [each for each in digests if each not in self.blobs]

    def _send(self, blobs: Sequence[Blob]) -> Iterator[int]:
        for blob in blobs:
            self.sent += 1
            if not self.forgets(blob.digest):
                self.put(blob)
            yield blob.digest.size

    def _read(self, digests: Sequence[BlobDigest]) -> Iterator[list[BlobPiece]]:
        """Yield each blob once, in two pieces."""
        for each in dict.fromkeys(digests):
            if each in self.blobs:
                data, middle = self.blobs[each], each.size // 2
                yield [BlobPiece(each, 0, data[:middle]), BlobPiece(each, middle, data[middle:])]

    def _hash_files(self, paths: Sequence[str]) -> Iterator[list[HashedFile]]:
        yield from hash_files(paths)

    def _results(self, actions: Sequence[BlobDigest]) -> Iterator[tuple[int, bytes]]:
        for place, action in enumerate(actions):
            if action in self.kept:
                yield place, self.kept[action]

    def _set_result(self, action: BlobDigest, result: bytes) -> Iterator[None]:
        self.kept[action] = result
        yield None

    def _execute(self, action: BlobDigest, skip_cache: bool) -> Iterator[Any]:
        """Yield the end of an action."""
        assert self.answer is not None
        self.runs += 1
        self.action = action
        response = message("ExecuteResponse")(
            result=self.answer(skip_cache), cached_result=self.cached and not skip_cache
        )
        yield ExecutionEnd(response.SerializeToString())
