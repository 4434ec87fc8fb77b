"""The messages between the process that speaks to a server and the others, beside blobs.

It is loaded before that process is begun, and has no more than that needs.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from store.reapi.blob import BlobDigest

PERFORM: Final = "perform"
"""The call of work; any other is a method of the service."""


class StreamEnd(NamedTuple):
    """The last message of an answer; ``error`` is what the call raised."""

    error: Exception | None


class ServerCapabilities(NamedTuple):
    """``most`` is bytes of blobs in one message (0 for no limit)."""

    most: int
    updates_results: bool
    executes: bool


class HashedFile(NamedTuple):
    """A file's name as a blob, and its plain BLAKE3."""

    digest: BlobDigest
    content: bytes


class ExecutionStage(NamedTuple):
    """An action has got on: ``UNKNOWN``, ``CACHE_CHECK``, ``QUEUED``, ``EXECUTING`` or
    ``COMPLETED``. ``operation`` is the server's name for this run of it."""

    stage: str
    operation: str


class ExecutionEnd(NamedTuple):
    """The encoded ExecuteResponse; if the server gave none, ``code`` and ``detail`` say why."""

    response: bytes
    code: int = 0
    detail: str = ""


class Leased(NamedTuple):
    """A lease: its name, and the encoded Action; or the Action's digest, if ``named``."""

    id: str
    action: bytes
    named: bool


class TakenUp(NamedTuple):
    """The server has taken the worker up, under this name."""

    session: str


class LeaseWithdrawn(NamedTuple):
    """A lease that ended otherwise: its action was cancelled, or given to another worker."""

    id: str


class LeaseEnd(NamedTuple):
    """The end of a lease: a status, and if that is 0, the encoded ActionResult."""

    id: str
    result: bytes = b""
    code: int = 0
    detail: str = ""
