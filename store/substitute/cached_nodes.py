"""Missing nodes of a graph, taken from caches as far as statements about them are believed.

A cache never makes a build fail: whatever one does becomes an event, and the node is missing still.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from store.cache.pull import Pulled, pull
from store.errors import FormatError, HelperEnded, InvalidName, StoreError
from store.events import CacheTrouble, Disputed, Event
from store.graph.resolver import BuildPlan, Resolver
from store.index.writing import Writer
from store.local.leases import Lease
from store.local.store import Store
from store.model.catalogue import Catalogue
from store.model.derivation import Source
from store.model.file_tree import Node, NodeKind
from store.model.locators import shown
from store.model.names import ObjectId
from store.model.origin import How, Origin
from store.model.realisation import Realisation
from store.objects.content import source_digest
from store.substitute.belief import Vouched
from store.substitute.cache_search import (
    MissingGraph,
    SearchAnswer,
    SourceOffer,
    WantedSource,
    search,
)
from store.substitute.cache_sizes import OfferedSize, sizes
from store.substitute.candidates import BelievedNode, Dispute, TrustedCache, WantedNode
from store.substitute.substituter import FATAL
from store.system.clock import unix_seconds
from store.system.machine import host_name, user_name

SHOWN = 5
"""Names in one line at most."""


@dataclass(frozen=True)
class CacheForecast:
    """The part of a plan that caches have: the ``nodes`` that need no work, with their objects;
    ``objects`` are those to be downloaded, with their sizes. ``left`` is the rest of the plan."""

    nodes: Mapping[bytes, tuple[ObjectId, ...]]
    objects: Mapping[ObjectId, OfferedSize]
    left: BuildPlan

    @property
    def packed(self) -> int:
        """Bytes to download."""
        return sum(each.packed for each in self.objects.values())

    @property
    def unpacked(self) -> int:
        """Bytes of the objects."""
        return sum(each.unpacked for each in self.objects.values())


class _Found(NamedTuple):
    """The result of a search. ``asked`` is false if there was nothing that was not asked before."""

    asked: bool
    believed: Mapping[bytes, BelievedNode]
    sources: Mapping[bytes, SourceOffer]

    @property
    def objects(self) -> dict[bytes, tuple[ObjectId, ...]]:
        """The objects of each node."""
        found = {
            node: tuple(each.record.object for each in believed.outputs.values())
            for node, believed in self.believed.items()
        }
        return found | {node: (offer.object,) for node, offer in self.sources.items()}


class CachedNodes:
    """The nodes of one catalogue in these caches, for one run. No node is asked for twice in the
    same way; a cache that is of no use is reported once, and asked nothing more.

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
        self._emit = emit
        self._asked: set[WantedNode | WantedSource] = set()
        self._counted: set[str] = set()
        self._disputes: set[Dispute] = set()
        known = len({key for each in caches for key in each.keys})
        for each in caches:
            needed = threshold or each.threshold
            if not each.keys:
                self._trouble(each.offers.name, "no key is trusted: only its sources count")
            elif needed > known:
                text = f"{needed} keys have to agree, of {known}: only its sources count"
                self._trouble(each.offers.name, text)

    def fill(self, goals: Collection[bytes], resolver: Resolver, lease: Lease) -> None:
        """Take missing nodes, the goals before the nodes below them, until no cache has more.

        Raises StoreFull, DiskReserve, StoreReadOnly, NotOwner or Interrupted.
        """
        while self._caches:
            graph = self._missing(goals, resolver.plan(goals), resolver)
            found = self._search(graph)
            if not found.asked:
                return
            self._take(found, resolver, lease)

    def fill_by_key(self, nodes: Collection[bytes], resolver: Resolver, lease: Lease) -> None:
        """Take those of the nodes that caches have by keys that were not known before. Raises as
        :meth:`fill`."""
        graph = self._graph(dict.fromkeys(nodes, ()), nodes, resolver)
        if self._caches and set(graph.nodes) - set(graph.passed):
            self._take(self._search(graph), resolver, lease)

    def forecast(
        self, goals: Collection[bytes], plan: BuildPlan, resolver: Resolver
    ) -> CacheForecast:
        """Return what the caches have of a plan, without taking anything."""
        graph = self._missing(goals, plan, resolver)
        objects = self._search(graph).objects
        offered = self._sizes({oid for some in objects.values() for oid in some})
        closures = {
            node: {other for oid in some for other in (oid, *_closure(offered, oid))}
            for node, some in objects.items()
        }
        there = {oid for some in closures.values() for oid in some if self._present(oid)}
        whole = {node for node, some in closures.items() if some <= offered.keys() | there}
        left = _left(graph, whole)
        needed = {oid for node in whole for oid in closures[node]} - there
        return CacheForecast(
            {node: objects[node] for node in whole},
            {oid: offered[oid] for oid in sorted(needed)},
            plan._replace(
                fetches=tuple(node for node in plan.fetches if node in left),
                builds=tuple(node for node in plan.builds if node in left),
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

    def _search(self, graph: MissingGraph) -> _Found:
        try:
            answer = search(self._caches, graph, self._threshold)
        except HelperEnded as error:
            self._give_up(error)
            return _Found(False, {}, {})
        self._asked.update(graph.nodes[node] for node in answer.asked)
        self._report(answer)
        believed = {
            node: each
            for node, each in answer.believed.items()
            if not self._contradicted(each, graph.nodes[node].name)
        }
        return _Found(bool(answer.asked), believed, answer.sources)

    def _sizes(self, oids: Collection[ObjectId]) -> dict[ObjectId, OfferedSize]:
        if not oids or not self._caches:
            return {}
        try:
            answer = sizes(self._caches, oids)
        except HelperEnded as error:
            self._give_up(error)
            return {}
        self._report_cache(answer.damaged, answer.unusable)
        return answer.sizes

    def _contradicted(self, believed: BelievedNode, name: str) -> bool:
        """Return whether a build here came out otherwise, which is reported."""
        for output, vouched in believed.outputs.items():
            told = vouched.record.object
            for record in self._store.realisations.of(believed.key, output):
                if record.origin.built_here and record.object != told and record.is_of(name):
                    signers = tuple(line.partition(":")[0] for line in vouched.signers)
                    objects = ((record.object, ("this store",)), (told, signers))
                    self._dispute(Dispute(believed.node, name, output, objects))
                    return True
        return False

    # -- taking -------------------------------------------------------------------------------

    def _take(self, found: _Found, resolver: Resolver, lease: Lease) -> None:
        if not found.objects:
            return
        goals = {oid for some in found.objects.values() for oid in some}
        settled: dict[bytes, dict[str, ObjectId]] = {}

        def settle(txn: Writer, roots: Mapping[ObjectId, Node]) -> None:
            settled.clear()
            for node, believed in found.believed.items():
                if self._settle(txn, roots, believed):
                    settled[node] = {
                        output: each.record.object for output, each in believed.outputs.items()
                    }

        try:
            offers = [cache.offers for cache in self._caches]
            pulled = pull(self._store, offers, goals, lease=lease, emit=self._emit, settle=settle)
        except FATAL:
            raise
        except StoreError as error:
            self._give_up(error)
            return
        self._report_pull(pulled)
        settled |= self._settle_sources(found.sources.values())
        for node, objects in settled.items():
            self._store.realisations.forget_outcome(node)
            resolver.learn(node, objects)

    def _settle(self, txn: Writer, roots: Mapping[ObjectId, Node], believed: BelievedNode) -> bool:
        """Record the build of a node whose objects are all here, as they were signed; returns
        whether they are."""
        for vouched in believed.outputs.values():
            root = roots.get(vouched.record.object)
            if root is None:
                return False
            if vouched.tree not in (None, root.digest()):
                place = ", ".join(believed.places)
                self._trouble(place, f"{vouched.record.object} has another tree than was signed")
                return False
        try:
            txn.nodes.put([self._catalogue.nodes[believed.node]])
            for vouched in believed.outputs.values():
                txn.realisations.add(_signed(vouched, believed.places[0]))
            txn.nodes.put_outcomes({believed.node: believed.key})
        except (InvalidName, FormatError) as error:
            self._trouble(", ".join(believed.places), error.message)
            return False
        return True

    def _settle_sources(self, offers: Iterable[SourceOffer]) -> dict[bytes, dict[str, ObjectId]]:
        """Record the sources whose files are here and have the hashes asked for."""
        good = [offer for offer in offers if self._present(offer.object) and self._fits(offer)]
        if good:
            self._store.index.write(lambda txn: self._record_sources(txn, good))
        return {offer.node: {"out": offer.object} for offer in good}

    def _fits(self, offer: SourceOffer) -> bool:
        source = self._catalogue.nodes[offer.node]
        assert isinstance(source, Source)
        try:
            root = self._store.objects.manifest(offer.object).root
            fits = (
                root.kind is NodeKind.FILE
                and root.executable == source.executable
                and source_digest(self._store.layout.object(offer.object)) == source.sha256
            )
        except (StoreError, OSError):
            return False  # damaged since, which is for others to find
        if not fits:
            self._trouble(offer.place, f"{offer.object} is not the source {source.name}")
        return fits

    def _record_sources(self, txn: Writer, offers: Iterable[SourceOffer]) -> None:
        now = unix_seconds()
        for offer in offers:
            source = self._catalogue.nodes[offer.node]
            assert isinstance(source, Source)
            origin = Origin(How.CHECKED, offer.place.encode())
            txn.nodes.put([source])
            txn.realisations.add(
                Realisation(
                    key=offer.node,
                    output="out",
                    object=offer.object,
                    builder=user_name(),
                    host=host_name(),
                    level="fetch",
                    log=None,
                    started=now,
                    duration=0,
                    origin=origin,
                )
            )
            txn.nodes.put_outcomes({offer.node: offer.node})
            for locator in source.locators:  # a cache speaks for all of them: none is tried
                txn.sources.add(source.sha256, shown(locator), now)

    # -- reports ------------------------------------------------------------------------------

    def _report(self, answer: SearchAnswer) -> None:
        for dispute in answer.disputes:
            self._dispute(dispute)
        for kind, count in answer.reading.counts.items():
            more = f", and {count - 1} more" if count > 1 else ""
            self._once(kind, "", f"{answer.reading.example[kind]}{more} ({kind}; not counted)")
        if answer.short:
            names = ", ".join(sorted(set(answer.short))[:SHOWN])
            self._once("short", "", f"signed by fewer keys than have to agree: {names}")
        self._report_cache(answer.damaged, answer.unusable)

    def _report_pull(self, pulled: Pulled) -> None:
        self._report_cache(pulled.damaged, pulled.unusable)

    def _report_cache(self, damaged: Iterable[str], unusable: Mapping[str, str]) -> None:
        for sentence in damaged:
            self._trouble("", sentence)
        for reason in unusable.values():
            self._trouble("", f"{reason}; it is asked nothing more in this run")
        self._caches = [each for each in self._caches if each.offers.name not in unusable]

    def _dispute(self, found: Dispute) -> None:
        if found in self._disputes:
            return
        self._disputes.add(found)
        objects = tuple((oid.path, names) for oid, names in found.objects)
        self._emit(Disputed(found.name, found.output, objects))

    def _once(self, kind: str, cache: str, message: str) -> None:
        if kind not in self._counted:
            self._counted.add(kind)
            self._trouble(cache, message)

    def _trouble(self, cache: str, message: str) -> None:
        self._emit(CacheTrouble(cache, message))

    def _give_up(self, error: StoreError) -> None:
        """Ask no cache any more: the process that asked them has ended."""
        self._trouble(", ".join(each.offers.name for each in self._caches), error.message)
        self._caches = []


def _signed(vouched: Vouched, place: str) -> Realisation:
    origin = Origin(How.SIGNED, place.encode(), vouched.signers)
    return replace(vouched.record, origin=origin)


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
