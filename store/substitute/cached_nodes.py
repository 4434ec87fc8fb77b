"""Missing nodes of a graph, taken from caches as far as statements about them are believed.

A cache never makes a build fail: whatever one does becomes an event, and the node is missing still.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from store.cache.pull import pulling
from store.errors import HelperEnded, StoreError
from store.events import Event, Tick
from store.graph.resolver import BuildPlan, Resolver
from store.index.writing import Writer
from store.local.leases import Lease
from store.local.store import Store
from store.model.catalogue import Catalogue
from store.model.derivation import Source
from store.model.file_tree import Node
from store.model.names import ObjectId
from store.substitute.cache_reports import FEWER, TRUST, CacheReports
from store.substitute.cache_search import MissingGraph, SourceOffer, WantedSource, search, why
from store.substitute.cache_sizes import CacheForecast, OfferedSize, sizes
from store.substitute.cached_records import CachedRecords
from store.substitute.candidates import BelievedNode, TrustedCache, WantedNode
from store.substitute.substituter import FATAL
from store.system.steps import Steps, finish

T = TypeVar("T")

EVERY: Final = 0.1
"""Seconds between two signs of life."""


class _Found(NamedTuple):
    """The result of a search. ``asked`` is false if there was nothing that was not asked before."""

    asked: bool
    believed: Mapping[bytes, BelievedNode]
    sources: Mapping[bytes, SourceOffer]

    @property
    def outputs(self) -> dict[bytes, dict[str, ObjectId]]:
        """The objects of each node by its outputs."""
        found = {
            node: {output: each.record.object for output, each in believed.outputs.items()}
            for node, believed in self.believed.items()
        }
        return found | {node: {"out": offer.object} for node, offer in self.sources.items()}

    @property
    def objects(self) -> dict[bytes, tuple[ObjectId, ...]]:
        """The objects of each node."""
        return {node: tuple(some.values()) for node, some in self.outputs.items()}


class CachedNodes:
    """The nodes of one catalogue in these caches, for one run. No node is asked for twice in the
    same way, and no object again that no cache had whole; a cache that is of no use is reported
    once, and asked nothing more.

    ``threshold`` is the number of keys that have to agree; None for that of each cache.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        caches: Sequence[TrustedCache],
        threshold: int | None,
        emit: Callable[[Event], None],
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._caches = list(caches)
        self._threshold = threshold
        self._reports = CacheReports(emit)
        self._records = CachedRecords(store, catalogue, self._reports)
        self._asked: set[WantedNode | WantedSource] = set()
        self._failed: set[ObjectId] = set()
        known = len({key for each in caches for key in each.keys})
        for each in caches:
            needed = threshold or each.threshold
            if not each.keys:
                text = f"no key is trusted: only its sources count ({TRUST})"
                self._reports.trouble(each.offers.name, text)
            elif needed > known:
                text = (
                    f"{needed} keys have to agree, of {known} that are trusted: only its sources"
                    f" count ({FEWER})"
                )
                self._reports.trouble(each.offers.name, text)

    def fill(self, goals: Collection[bytes], resolver: Resolver, lease: Lease) -> None:
        """Take missing nodes, the goals before the nodes below them, until no cache has more.

        Raises StoreFull, DiskReserve, StoreReadOnly, NotOwner or Interrupted.
        """
        while self._caches:
            graph = self._missing(goals, resolver.plan(goals), resolver)
            found = self._finished(self._search(graph))
            if not found.asked:
                return
            self._finished(self._take(found, resolver, lease))

    def _finished(self, steps: Steps[T]) -> T:
        return finish(steps, EVERY, lambda: self._reports.emit(Tick()))

    def fill_by_key(
        self, nodes: Collection[bytes], resolver: Resolver, lease: Lease
    ) -> Steps[None]:
        """Take those of the nodes that caches have by keys that were not known before. Raises as
        :meth:`fill`."""
        graph = self._graph(dict.fromkeys(nodes, ()), nodes, resolver)
        if self._caches and set(graph.nodes) - set(graph.passed):
            found = yield from self._search(graph)
            yield from self._take(found, resolver, lease)

    def forecast(
        self, goals: Collection[bytes], plan: BuildPlan, resolver: Resolver
    ) -> CacheForecast:
        """Return what the caches have of a plan, without taking anything. ``resolver`` learns the
        objects of the nodes that were found: nodes above them are asked for by their keys."""
        found = CacheForecast({}, {}, plan)
        while self._caches:
            graph = self._missing(goals, found.left, resolver)
            if not graph.nodes.keys() - graph.passed:
                break
            answer = self._finished(self._search(graph))
            if not answer.asked:
                break
            found = self._with_offered(found, graph, answer)
            for node, outputs in answer.outputs.items():
                if node in found.nodes:
                    resolver.learn(node, outputs)
        return found

    def _with_offered(
        self, before: CacheForecast, graph: MissingGraph, answer: _Found
    ) -> CacheForecast:
        """Return the forecast with those found nodes of which caches have all objects."""
        objects = answer.objects
        offered = self._sizes({oid for some in objects.values() for oid in some})
        closures = {
            node: {other for oid in some for other in (oid, *_closure(offered, oid))}
            for node, some in objects.items()
        }
        there = {oid for some in closures.values() for oid in some if self._present(oid)}
        whole = {node for node, some in closures.items() if some <= offered.keys() | there}
        left = _left(graph, whole)
        needed = {oid for node in whole for oid in closures[node]} - there
        sizes = {**before.objects, **{oid: offered[oid] for oid in needed}}
        return CacheForecast(
            {**before.nodes, **{node: objects[node] for node in whole}},
            dict(sorted(sizes.items())),
            before.left._replace(
                fetches=tuple(node for node in before.left.fetches if node in left),
                builds=tuple(node for node in before.left.builds if node in left),
            ),
        )

    def _present(self, oid: ObjectId) -> bool:
        return self._store.objects.present(oid)

    # -- missing nodes ------------------------------------------------------------------------

    def _missing(
        self, goals: Collection[bytes], plan: BuildPlan, resolver: Resolver
    ) -> MissingGraph:
        """Return the nodes of a plan, and those of them to begin with."""
        todo = set(plan.nodes)
        needs = {
            node: [ref.node for ref in self._catalogue.inputs(node) if ref.node in todo]
            for node in plan.nodes
        }
        below = {each for some in needs.values() for each in some}
        tops = [node for node in plan.nodes if node in goals or node not in below]
        return self._graph(needs, tops, resolver)

    def _graph(
        self, inputs: Mapping[bytes, Sequence[bytes]], tops: Collection[bytes], resolver: Resolver
    ) -> MissingGraph:
        nodes = {node: self._wanted(node, resolver) for node in inputs}
        passed = {
            node for node, each in nodes.items() if each in self._asked or self._is_here(each)
        }
        return MissingGraph(nodes, tuple(tops), inputs, passed)

    def _wanted(self, node: bytes, resolver: Resolver) -> WantedNode | WantedSource:
        value = self._catalogue.nodes[node]
        if isinstance(value, Source):
            return WantedSource(node, value.name, value.sha256)
        return WantedNode(node, value.name, value.outputs, resolver.key(node))

    def _is_here(self, wanted: WantedNode | WantedSource) -> bool:
        """Return whether a source is here, and only its locators were never seen to yield it: that
        is for a fetch to find out."""
        if isinstance(wanted, WantedNode):
            return False
        found = self._store.realisations.realised(wanted.node, ("out",), fetched=True)
        return found is not None and self._present(found["out"])

    # -- asking -------------------------------------------------------------------------------

    def _search(self, graph: MissingGraph) -> Steps[_Found]:
        try:
            answer = yield from search(self._caches, graph, self._threshold)
        except HelperEnded as error:
            self._give_up(error)
            return _Found(False, {}, {})
        self._asked.update(graph.nodes[node] for node in answer.asked)
        self._reports.searched(answer)
        self._note_use(answer.damaged, answer.unusable)
        believed = {
            node: each
            for node, each in answer.believed.items()
            if not self._records.contradicted(each, graph.nodes[node].name)
        }
        return _Found(bool(answer.asked), believed, answer.sources)

    def _sizes(self, oids: Collection[ObjectId]) -> dict[ObjectId, OfferedSize]:
        if not oids or not self._caches:
            return {}
        try:
            answer = self._finished(sizes(self._caches, oids))
        except HelperEnded as error:
            self._give_up(error)
            return {}
        self._note_use(answer.damaged, answer.unusable)
        return answer.sizes

    # -- taking -------------------------------------------------------------------------------

    def _take(self, found: _Found, resolver: Resolver, lease: Lease) -> Steps[None]:
        if not found.objects:
            return
        named = {oid for some in found.objects.values() for oid in some}
        goals = {oid for oid in named if oid not in self._failed or self._present(oid)}
        if not goals:
            return
        settled: dict[bytes, dict[str, ObjectId]] = {}

        def settle(txn: Writer, roots: Mapping[ObjectId, Node]) -> None:
            settled.clear()
            for node, believed in found.believed.items():
                if self._records.settle(txn, roots, believed):
                    settled[node] = {
                        output: each.record.object for output, each in believed.outputs.items()
                    }

        try:
            offers = [cache.offers for cache in self._caches]
            pulled = yield from pulling(
                self._store,
                offers,
                goals,
                lease=lease,
                emit=self._reports.emit,
                settle=settle,
                without=self._failed,
            )
        except FATAL:
            raise
        except StoreError as error:
            self._give_up(error)
            return
        self._failed |= pulled.failed
        self._note_use(
            pulled.damaged, {name: why(error) for name, error in pulled.unusable.items()}
        )
        settled |= self._records.settle_sources(found.sources.values())
        for node, objects in settled.items():
            self._store.realisations.forget_outcome(node)
            resolver.learn(node, objects)

    def _note_use(self, damaged: Iterable[str], unusable: Mapping[str, str]) -> None:
        self._reports.used(damaged, unusable)
        self._caches = [each for each in self._caches if each.offers.name not in unusable]

    def _give_up(self, error: StoreError) -> None:
        """Ask no cache any more: the process that asked them has ended."""
        self._reports.trouble(", ".join(each.offers.name for each in self._caches), error.message)
        self._caches = []


def _closure(offered: Mapping[ObjectId, OfferedSize], oid: ObjectId) -> Sequence[ObjectId]:
    return offered[oid].closure if oid in offered else ()


def _left(graph: MissingGraph, found: Collection[bytes]) -> set[bytes]:
    """Return the nodes that are still needed when some are found."""
    left: set[bytes] = set()
    todo = list(graph.tops)
    while todo:
        node = todo.pop()
        if node not in found and node not in left:
            left.add(node)
            todo += graph.inputs[node]
    return left
