"""The calls of a server: made by a process of its own, or in that process itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from store.reapi.blob import EMPTY, Blob, BlobDigest, BlobPiece
from store.reapi.process_messages import (
    ExecutionEnd,
    ExecutionStage,
    HashedFile,
    ServerCapabilities,
)

if TYPE_CHECKING:
    from store.reapi.known_blobs import KnownBlobs
    from store.reapi.shared_work import SharedWork

UNASKED: Final = 64 << 10
"""Bytes of blobs that are sent without asking which of them the server has."""

UNASKED_COUNT: Final = 100
"""Blobs that are sent so, at most."""


class ServerCalls(ABC):
    """Calls may be made by several threads. Each raises ServerUnusable, and from then on all do.

    ``shared`` has values that they all need, and ``known`` small blobs, in the process that speaks
    to the server.
    """

    shared: SharedWork | None = None
    known: KnownBlobs | None = None

    @property
    @abstractmethod
    def name(self) -> str:
        """Its URL."""

    @abstractmethod
    def _call(self, name: str, *args: object) -> Iterator[Any]:
        """Make a call; yields the parts of its answer."""

    @abstractmethod
    def adopt(self) -> None:
        """Use the connection of the process that forked this one, if there is one."""

    @abstractmethod
    def close(self) -> None:
        """Cancel all calls, and end the connection."""

    def capabilities(self) -> ServerCapabilities:
        """Return what it can do."""
        (found,) = self._call("capabilities")
        assert isinstance(found, ServerCapabilities)
        return found

    def missing(self, digests: Sequence[BlobDigest]) -> set[BlobDigest]:
        """Return those of the blobs that it lacks."""
        return {each for part in self._call("missing", digests) for each in part}

    def send(self, blobs: Sequence[Blob]) -> Iterator[int]:
        """Send blobs; yields bytes that were sent since the last time. StorageError for a file that
        cannot be read, or has changed."""
        yield from self._call("send", blobs)

    def read(self, digests: Sequence[BlobDigest]) -> Iterator[BlobPiece]:
        """Yield the blobs, each from its beginning on. One that the server lacks is left out; one
        that is large may be cut short, or have other bytes."""
        for part in self._call("read", digests):
            yield from part

    def read_small(self, digests: Sequence[BlobDigest], most: int) -> dict[BlobDigest, bytes]:
        """Return whole blobs, which have their digest; those of more than ``most`` bytes are left
        out."""
        parts: dict[BlobDigest, list[bytes]] = {}
        for piece in self.read([each for each in digests if each.size <= most]):
            parts.setdefault(piece.digest, []).append(piece.data)
        found = {digest: b"".join(pieces) for digest, pieces in parts.items()}
        found |= {each: b"" for each in digests if not each.size}
        return {digest: data for digest, data in found.items() if digest.is_of(data)}

    def hash_files(self, paths: Sequence[str]) -> list[HashedFile]:
        """Return files with their digests, in order. StorageError."""
        return [each for part in self._call("hash_files", paths) for each in part]

    def results(self, actions: Sequence[BlobDigest]) -> dict[BlobDigest, bytes]:
        """Return the encoded ActionResult of each of the actions that has one, not a large one."""
        return {actions[place]: result for place, result in self._call("results", actions)}

    def set_result(self, action: BlobDigest, result: bytes) -> None:
        """Tell it the encoded ActionResult of an action."""
        for _ in self._call("set_result", action, result):
            pass

    def execute(
        self, action: BlobDigest, *, skip_cache: bool = False
    ) -> Iterator[ExecutionStage | ExecutionEnd]:
        """Have an action run; yields its stages and its end. It is cancelled when this process
        ends, or closes the server, before."""
        yield from self._call("execute", action, skip_cache)


ServedWork: TypeAlias = Callable[[ServerCalls, "Connection[Any, Any]"], object]
"""Work for the process that speaks to the server; it may send messages before its value, and get
answers."""


def send_lacking(server: ServerCalls, blobs: Iterable[Blob]) -> Iterator[int]:
    """Send those of the blobs that the server lacks, each once; yields as ``ServerCalls.send``."""
    named = {blob.digest: blob for blob in blobs}
    lacking = server.missing(list(named))
    yield from server.send([blob for digest, blob in named.items() if digest in lacking])


def send_blobs(server: ServerCalls, blobs: Iterable[Blob]) -> None:
    """Send those of the blobs that the server lacks; a few small ones are sent in any case, as the
    question would take longer."""
    named = {blob.digest: blob for blob in blobs if blob.digest != EMPTY}
    few = sum(digest.size for digest in named) <= UNASKED and len(named) <= UNASKED_COUNT
    whole = list(named.values())
    for _ in server.send(whole) if few else send_lacking(server, whole):
        pass
