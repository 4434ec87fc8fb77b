"""The records of nodes whose objects came from caches: as they were signed, or checked here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from store.errors import FormatError, InvalidName, StoreError
from store.index.writing import Writer
from store.local.store import Store
from store.model.catalogue import Catalogue
from store.model.derivation import Source
from store.model.file_tree import Node
from store.model.locators import INSTEAD, shown
from store.model.names import ObjectId
from store.model.origin import How, Origin
from store.model.realisation import Realisation
from store.substitute.belief import Vouched, checked_source, unlike_source
from store.substitute.cache_reports import CacheReports
from store.substitute.cache_search import SourceOffer
from store.substitute.candidates import BelievedNode, Dispute
from store.system.clock import unix_seconds


class CachedRecords:
    """Records nodes of a catalogue in the store."""

    def __init__(self, store: Store, catalogue: Catalogue, reports: CacheReports) -> None:
        self._store = store
        self._catalogue = catalogue
        self._reports = reports

    def contradicted(self, believed: BelievedNode, name: str) -> bool:
        """Return whether a build here came out otherwise, which is reported."""
        for output, vouched in believed.outputs.items():
            told = vouched.record.object
            for record in self._store.realisations.of(believed.key, output):
                if record.origin.built_here and record.object != told and record.is_of(name):
                    signers = tuple(line.partition(":")[0] for line in vouched.signers)
                    objects = ((record.object, ("this store",)), (told, signers))
                    self._reports.dispute(Dispute(believed.node, name, output, objects))
                    return True
        return False

    def settle(self, txn: Writer, roots: Mapping[ObjectId, Node], believed: BelievedNode) -> bool:
        """Record the build of a node whose objects are all here, as they were signed; returns
        whether they are."""
        for vouched in believed.outputs.values():
            root = roots.get(vouched.record.object)
            if root is None:
                return False
            if vouched.tree not in (None, root.digest()):
                place = ", ".join(believed.places)
                self._reports.trouble(
                    place, f"{vouched.record.object} has another tree than was signed"
                )
                return False
        try:
            txn.nodes.put([self._catalogue.nodes[believed.node]])
            for vouched in believed.outputs.values():
                txn.realisations.add(_signed(vouched, believed.places[0]))
            txn.nodes.put_outcomes({believed.node: believed.key})
        except (InvalidName, FormatError) as error:
            self._reports.trouble(", ".join(believed.places), error.message)
            return False
        return True

    def settle_sources(self, offers: Iterable[SourceOffer]) -> dict[bytes, dict[str, ObjectId]]:
        """Record the sources whose files are here and have the hashes asked for."""
        good = [
            offer
            for offer in offers
            if self._store.objects.present(offer.object) and self._fits(offer)
        ]
        if good:
            self._store.index.write(lambda txn: self._record_sources(txn, good))
        return {offer.node: {"out": offer.object} for offer in good}

    def _fits(self, offer: SourceOffer) -> bool:
        source = self._catalogue.nodes[offer.node]
        assert isinstance(source, Source)
        try:
            root = self._store.objects.manifest(offer.object).root
        except StoreError:
            return False  # damaged since, which is for others to find
        unlike = unlike_source(self._store.layout, offer.object, root, source, {})
        if unlike:
            self._reports.trouble(offer.place, unlike)
        return not unlike

    def _record_sources(self, txn: Writer, offers: Iterable[SourceOffer]) -> None:
        now = unix_seconds()
        for offer in offers:
            source = self._catalogue.nodes[offer.node]
            assert isinstance(source, Source)
            txn.nodes.put([source])
            place = offer.place.encode()
            txn.realisations.add(checked_source(offer.node, "out", offer.object, place))
            txn.nodes.put_outcomes({offer.node: offer.node})
            for locator in source.locators:  # none of them was tried, and none needs to be
                txn.sources.add(source.sha256, INSTEAD + shown(locator), now)


def _signed(vouched: Vouched, place: str) -> Realisation:
    origin = Origin(How.SIGNED, place.encode(), vouched.signers)
    return replace(vouched.record, origin=origin)
