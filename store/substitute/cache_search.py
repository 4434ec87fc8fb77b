"""The search for missing nodes in caches: level by level, from the goals down.

Below a node is searched only if no cache has it. A level is one batch of questions to each cache.
All of it runs in a process of its own: a carrier of questions may start threads.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from store.job_errors import CacheUnusable
from store.model.names import ObjectId
from store.substitute.candidates import (
    BelievedNode,
    Candidate,
    Dispute,
    StatementReading,
    TrustedCache,
    WantedNode,
)
from store.system.forking import ForkedCall
from store.system.steps import Steps

T = TypeVar("T")

LONGEST_SEARCH = 300.0
"""Seconds of a search at most; without an answer by then, the caches are asked nothing more."""


class WantedSource(NamedTuple):
    """A source that is missing, by its hash (SHA-256 in hex)."""

    node: bytes
    name: str
    sha256: str


class SourceOffer(NamedTuple):
    """The object that a cache names for a source. Nothing was checked."""

    node: bytes
    object: ObjectId
    place: str


@dataclass(frozen=True)
class MissingGraph:
    """Missing nodes, those to begin with, and for each the missing nodes that it needs. Those
    ``passed`` are not asked for: only nodes below them are."""

    nodes: Mapping[bytes, WantedNode | WantedSource]
    tops: Sequence[bytes]
    inputs: Mapping[bytes, Sequence[bytes]]
    passed: Collection[bytes] = ()


@dataclass
class SearchAnswer:
    """``believed`` and ``sources`` are the nodes that were found, ``asked`` all that were asked
    for. ``short`` have fewer signers than are needed. ``unusable`` has the reason for each cache
    that is of no use for the rest of the run; ``damaged`` a sentence for each answer that cannot be
    read."""

    believed: dict[bytes, BelievedNode] = field(default_factory=dict)
    sources: dict[bytes, SourceOffer] = field(default_factory=dict)
    asked: set[bytes] = field(default_factory=set)
    disputes: list[Dispute] = field(default_factory=list)
    short: list[str] = field(default_factory=list)
    reading: StatementReading = field(default_factory=StatementReading)
    unusable: dict[str, str] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)


def search(
    caches: Sequence[TrustedCache], graph: MissingGraph, threshold: int | None
) -> Steps[SearchAnswer]:
    """Search the caches in a process of its own. Raises HelperEnded when that was killed."""
    return apart(lambda: _Search(caches, threshold).run(graph))


def apart(ask: Callable[[], T]) -> Steps[T]:
    """Return the answer to questions that are asked in a process of its own, which ends after
    :data:`LONGEST_SEARCH`. Raises HelperEnded when it was killed, too."""

    def bounded() -> T:
        # A cache that sends a byte now and then is never silent: the process ends for it.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, LONGEST_SEARCH)
        return ask()

    call = ForkedCall(bounded, interruptible=True)
    try:
        yield call
    except BaseException:
        call.stop()
        raise
    return call.result()


class _Search:
    def __init__(self, caches: Sequence[TrustedCache], threshold: int | None) -> None:
        self._caches = list(caches)
        self._threshold = threshold
        self._answer = SearchAnswer()

    def run(self, graph: MissingGraph) -> SearchAnswer:
        """Ask level by level, until all is found or the caches have nothing more."""
        answer = self._answer
        seen: set[bytes] = set()
        level = _open(graph, graph.tops, seen)
        while level and self._caches:
            self._ask(level, graph)
            found = answer.believed.keys() | answer.sources.keys()
            below = [each for node in level if node not in found for each in graph.inputs[node]]
            level = _open(graph, below, seen)
        for cache in self._caches:
            cache.offers.close()
        return answer

    def _ask(self, level: Sequence[bytes], graph: MissingGraph) -> None:
        nodes = [graph.nodes[node] for node in level]
        self._answer.asked.update(level)
        self._ask_for_sources([each for each in nodes if isinstance(each, WantedSource)])
        candidates = {each.node: Candidate(each) for each in nodes if isinstance(each, WantedNode)}
        for cache in list(self._caches):
            if cache.keys and candidates:
                self._hear(cache, candidates)
        for candidate in candidates.values():
            self._judge(candidate)

    def _ask_for_sources(self, sources: Sequence[WantedSource]) -> None:
        for cache in list(self._caches):
            left = [each for each in sources if each.node not in self._answer.sources]
            if not left:
                return
            with _Use(self, cache):
                found = cache.offers.sources({each.sha256 for each in left})
                for each in left:
                    oid = found.get(each.sha256)
                    if oid is not None and oid.name == each.name:
                        offer = SourceOffer(each.node, oid, cache.offers.name)
                        self._answer.sources[each.node] = offer

    def _hear(self, cache: TrustedCache, candidates: Mapping[bytes, Candidate]) -> None:
        key_ids = {key.id for key in cache.keys}
        by_node = {node: each for node, each in candidates.items() if each.wanted.key is None}
        by_key: dict[bytes, list[Candidate]] = {}
        for each in candidates.values():
            if each.wanted.key is not None:
                by_key.setdefault(each.wanted.key, []).append(each)
        reading = self._answer.reading
        with _Use(self, cache):
            if by_node:
                for node, files in cache.offers.by_derivation(by_node, key_ids).items():
                    reading.hear(by_node[node], files, cache)
            if by_key:
                for key, files in cache.offers.by_key(by_key, key_ids).items():
                    for each in by_key[key]:
                        reading.hear(each, files, cache)

    def _judge(self, candidate: Candidate) -> None:
        judged = candidate.judge(self._threshold)
        if isinstance(judged, BelievedNode):
            self._answer.believed[judged.node] = judged
        elif isinstance(judged, Dispute):
            self._answer.disputes.append(judged)
        elif candidate.builds:
            self._answer.short.append(candidate.wanted.name)

    def drop(self, cache: TrustedCache, reason: str) -> None:
        """Ask a cache nothing more."""
        self._caches.remove(cache)
        self._answer.unusable[cache.offers.name] = reason

    def note_damaged(self, sentences: Sequence[str]) -> None:
        """Take up what a cache could not answer."""
        self._answer.damaged += sentences


def _open(graph: MissingGraph, nodes: Sequence[bytes], seen: set[bytes]) -> list[bytes]:
    """Return the nodes to ask for, with those below passed ones in their stead; all that was looked
    at becomes ``seen``."""
    found, todo = [], list(nodes)
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            if node in graph.passed:
                todo += graph.inputs[node]
            else:
                found.append(node)
    return found


class _Use:
    """The use of a cache, which is dropped when it is of no use."""

    def __init__(self, search: _Search, cache: TrustedCache) -> None:
        self._search = search
        self._cache = cache

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        self._search.note_damaged(self._cache.offers.damaged())
        if isinstance(error, CacheUnusable):
            self._search.drop(self._cache, why(error))
            return True
        return False


def why(error: CacheUnusable) -> str:
    """Return the reason that a cache is of no use, and the remedy, in one line."""
    hint = f" ({error.hint})" if error.hint else ""
    return f"{error.message}{hint}"
