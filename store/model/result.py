"""The result of work on a node, before it is registered."""

from __future__ import annotations

from dataclasses import dataclass

from store.model.derivation import Derivation, Resolved, Source
from store.model.names import ObjectId


@dataclass(frozen=True)
class Made:
    """One output as it now lies in the store, with the facts for the index."""

    output: str
    id: ObjectId
    references: tuple[ObjectId, ...]
    refers_to_itself: bool
    size: int


@dataclass(frozen=True)
class Result:
    """``started`` in Unix seconds, ``seconds`` of wall time, ``max_rss`` in bytes. With
    ``elsewhere``, the outputs are not in this store, and there is nothing to register."""

    outputs: tuple[Made, ...]
    level: str
    started: int
    seconds: float
    log: bytes | None = None
    max_rss: int = 0
    locator: str | None = None
    elsewhere: bool = False


@dataclass(frozen=True)
class Registration:
    """The result of the node ``node``, which ``key`` is looked up by, as ``value`` was worked on;
    ``derivation`` is the one that was resolved to it."""

    node: bytes
    key: bytes
    value: Source | Resolved
    result: Result
    derivation: Derivation | None = None
