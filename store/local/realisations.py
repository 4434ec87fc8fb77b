"""Derivations: their objects, makers and build times."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from store.errors import NotOwner, StoreReadOnly, UnknownObject
from store.index.env import Index
from store.index.schema import ObjectEntry
from store.model.names import ObjectId
from store.system.machine import host_name, user_name

if TYPE_CHECKING:
    from store.index.writing import Writer
    from store.local.leases import Lease
    from store.model.derivation import Derivation, Resolved, Source
    from store.model.realisation import Realisation
    from store.model.result import Registration, Result


_Build: TypeAlias = tuple[int, int, bytes, str]
"""The facts that tell the build of a record from others of its key: its time, its log, its
sandbox."""


class Choice(NamedTuple):
    """Among the objects of one realisation, those ``kept`` are used first, and those ``shunned``
    not at all."""

    kept: frozenset[ObjectId] = frozenset()
    shunned: frozenset[ObjectId] = frozenset()


ANY = Choice()
"""No object is better than another."""


class Realisations:
    """Asking and telling the index of derivations and their realisations."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._outcomes: dict[bytes, bytes] = {}

    def outcome(self, node: bytes) -> bytes | None:
        """Return the key that a node was last resolved to: a cache, which may be dropped."""
        with self._index.read() as txn:
            return self._outcomes.get(node) or txn.nodes.outcome(node)

    def note_outcome(self, node: bytes, key: bytes) -> None:
        """Remember a node's key; written by :meth:`flush_outcomes`."""
        self._outcomes[node] = key

    def forget_outcome(self, node: bytes) -> None:
        """Write down no outcome of the node that was noted and not written yet."""
        self._outcomes.pop(node, None)

    def flush_outcomes(self) -> None:
        """Write the outcomes noted; a store that cannot be written to does without."""
        outcomes, self._outcomes = self._outcomes, {}
        if outcomes:
            with contextlib.suppress(StoreReadOnly, NotOwner):
                self._index.write(lambda txn: txn.nodes.put_outcomes(outcomes))

    def realised(
        self,
        key: bytes,
        outputs: Sequence[str],
        name: str | None = None,
        *,
        here: bool = False,
        fetched: bool = False,
        choice: Choice = ANY,
    ) -> dict[str, ObjectId] | None:
        """Return the objects that one build made, an object an output: of a build whose objects are
        all present, then of one with those of the ``choice``, then of the oldest. None unless one
        made all: outputs of two builds need not fit each other.

        An object that is not called as an output of ``name`` (else, of the node recorded under the
        key) is none. With ``here``, only those count that this store made; with ``fetched``, those
        that can be of a source.
        """
        with self._index.read() as txn:
            if name is None:
                node = txn.nodes.get(key)
                name = None if node is None else node.name
            builds: dict[_Build, dict[str, ObjectId]] = {}
            for record in (each for output in outputs for each in txn.realisations.of(key, output)):
                if (
                    (name is None or record.is_of(name))
                    and (not here or record.origin.built_here)
                    and (not fetched or record.may_be_fetched())
                    and record.object not in choice.shunned
                ):
                    made = builds.setdefault(_build(record), {})
                    former = made.get(record.output)  # of another build, in the same instant
                    if (
                        former is None
                        or not txn.objects.has(former)
                        or record.object in choice.kept
                    ):
                        made[record.output] = record.object
            whole = {build: made for build, made in builds.items() if len(made) == len(outputs)}
            if not whole:
                return None

            def rank(build: _Build) -> tuple[bool, bool, _Build]:
                objects = whole[build].values()
                return (
                    not all(map(txn.objects.has, objects)),
                    choice.kept.isdisjoint(objects),
                    build,
                )

            return whole[min(whole, key=rank)]

    def of(self, key: bytes, output: str | None = None) -> list[Realisation]:
        """Return every record for a key's output, the oldest first; without one, for each output of
        the key."""
        with self._index.read() as txn:
            return sorted(txn.realisations.of(key, output), key=lambda item: item.started)

    def all(self) -> list[Realisation]:
        """Return every record that this store has, by key and output."""
        with self._index.read() as txn:
            return list(txn.realisations.all())

    def makers(self, oid: ObjectId) -> list[Realisation]:
        """Return the realisations that say this object was made, newest first."""
        with self._index.read() as txn:
            return sorted(txn.realisations.makers(oid), key=lambda item: -item.started)

    def maker(self, oid: ObjectId) -> Realisation:
        """Return the newest of :meth:`makers`; UnknownObject when it was only added."""
        makers = self.makers(oid)
        if not makers:
            raise UnknownObject(f"{oid} was not built by this store")
        return makers[0]

    def node(self, digest: bytes) -> Source | Derivation | Resolved:
        """Return the node recorded under its digest or key; UnknownObject otherwise."""
        with self._index.read() as txn:
            value = txn.nodes.get(digest)
        if value is None:
            raise UnknownObject(f"this store has no derivation {digest.hex()}")
        return value

    def expected_seconds(self, name: str) -> float | None:
        """Return the median of the time that earlier builds of this name took here."""
        with self._index.read() as txn:
            durations = sorted(txn.history.of(name))
        return durations[len(durations) // 2] / 1000 if durations else None

    def source_verified(
        self, sha256: str, locators: Sequence[str], *, instead: bool = False
    ) -> bool:
        """Return whether one of the locators was seen to yield this hash; with ``instead``, or
        whether a cache had the file, and was asked in the place of one."""
        from store.model.locators import INSTEAD, shown  # takes long to load

        names = [shown(locator) for locator in locators]
        if instead:
            names += [INSTEAD + name for name in names]
        with self._index.read() as txn:
            return any(txn.sources.verified(sha256, name) for name in names)

    def record_nodes(self, *values: Source | Derivation | Resolved | None) -> None:
        """Keep what nodes are, so that they can be shown without their recipes."""
        nodes = [value for value in values if value is not None]
        self._index.write(lambda txn: txn.nodes.put(nodes))

    def register(
        self,
        node: bytes,
        key: bytes,
        value: Source | Resolved,
        result: Result,
        lease: Lease | None = None,
        derivation: Derivation | None = None,
    ) -> None:
        """Make what a worker put on disk visible, in one transaction with its realisations.

        ``derivation`` is what ``value`` was resolved from; both are kept, to be shown without their
        recipes.
        """
        from store.model.result import Registration

        self.register_results([Registration(node, key, value, result, derivation)], lease)

    def register_results(
        self, registrations: Sequence[Registration], lease: Lease | None = None
    ) -> None:
        """Make what workers put on disk visible, all of it in one transaction."""
        prepared = [(each, _entries(each), records_of(each)) for each in registrations]

        def transaction(txn: Writer) -> None:
            for each, entries, records in prepared:
                _register(txn, each, entries, records)
                if lease is not None:
                    # At once: no collector may see the object without its holder.
                    lease.add_within(txn, [made.id for made in each.result.outputs])

        self._index.write(transaction)
        if lease is not None:
            lease.note(made.id for each in registrations for made in each.result.outputs)
        for each in registrations:  # an older key that was noted would take its place
            self.forget_outcome(each.node)


def _build(record: Realisation) -> _Build:
    return record.started, record.duration, record.log or b"", record.level


def _entries(made: Registration) -> list[ObjectEntry]:
    return [
        ObjectEntry(each.id, each.references, each.refers_to_itself, each.size)
        for each in made.result.outputs
    ]


def records_of(made: Registration) -> list[Realisation]:
    """Return the records of outputs that were made, one for each."""
    from store.model.realisation import Realisation

    result = made.result
    return [
        Realisation(
            made.key,
            each.output,
            each.id,
            user_name(),
            host_name(),
            result.level,
            result.log,
            result.started,
            round(result.seconds * 1000),
            result.max_rss,
        )
        for each in result.outputs
    ]


def _register(
    txn: Writer, made: Registration, entries: list[ObjectEntry], records: list[Realisation]
) -> None:
    from store.model.derivation import Source
    from store.model.locators import shown

    value, result = made.value, made.result
    txn.nodes.put([value] if made.derivation is None else [made.derivation, value])
    txn.objects.register_all(entries)
    for record in records:
        txn.realisations.add(record)
    txn.nodes.put_outcomes({made.node: made.key})
    txn.history.add(value.name, round(result.seconds * 1000))
    if isinstance(value, Source) and result.locator:
        txn.sources.add(value.sha256, shown(result.locator), result.started)
