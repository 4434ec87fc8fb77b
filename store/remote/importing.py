"""Taking objects with all that they refer to from a substituter: checked before the index knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter

from store.errors import CorruptObject, OutputRefused
from store.index.schema import Entry, Node
from store.index.writing import Writer
from store.locks import Claims
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.objects.ingest import ingest_again
from store.remote.substituter import Substituter
from store.store import Lease, Store


def closure(source: Substituter, oids: Iterable[ObjectId]) -> list[Manifest]:
    """The manifests of the objects and of all that they refer to, references first.

    UnknownObject or CorruptObject when one is not there, or damaged.
    """
    found: dict[ObjectId, Manifest] = {}
    todo = list(oids)
    while todo:
        oid = todo.pop()
        if oid not in found:
            found[oid] = source.manifest(oid)
            todo += found[oid].references
    try:
        order = TopologicalSorter({oid: m.references for oid, m in found.items()}).static_order()
        return [found[oid] for oid in order]
    except CycleError:
        raise CorruptObject(f"objects of {source.name} refer to each other in a cycle") from None


def take(
    root: str,
    source: Substituter,
    oid: ObjectId,
    claims: Claims,
    *,
    always: bool = False,
    reserve: int = 0,
) -> Manifest:
    """Put one object of the substituter in place, and only if it is the very same; its manifest.

    UnknownObject when it is not there, CorruptObject when it is another, another StorageError when
    files cannot be read or written.
    """
    told = source.manifest(oid)
    try:
        made = ingest_again(
            root,
            source.tree(oid),
            oid,
            told.references,
            claims=claims,
            always=always,
            reserve=reserve,
        )
    except OutputRefused as error:
        raise CorruptObject(f"{oid} of {source.name} is damaged: {error.message}") from error
    return made


def import_objects(
    store: Store, source: Substituter, oids: Sequence[ObjectId], lease: Lease | None = None
) -> list[ObjectId]:
    """Take objects with all that they refer to, and the records of who made them.

    Returns those that were not here before. All become visible in one transaction, or none does:
    CorruptObject or UnknownObject when one is damaged or missing at the other end.
    """
    store.check_writable()
    manifests = closure(source, oids)
    with store.claims() as claims:
        fresh = [m.id for m in manifests if not store.present(m.id)]
        if lease is not None:
            lease.add([m.id for m in manifests])
            fresh = [m.id for m in manifests if not store.present(m.id)]
        reserve = store.disk_reserve()
        made = [take(store.layout.root, source, oid, claims, reserve=reserve) for oid in fresh]
        entries = [Entry(m.id, m.references, m.refers_to_itself, m.size) for m in made]
        records, nodes = _records(source, fresh)

        def transaction(txn: Writer) -> None:
            txn.register_all(entries)
            txn.put_nodes(nodes)
            for record in records:
                txn.add_realisation(record)

        store.index.write(transaction)
    return fresh


def _records(source: Substituter, oids: Iterable[ObjectId]) -> tuple[list[Realisation], list[Node]]:
    records = [record for oid in oids for record in source.realisations(oid)]
    nodes = {record.key: source.node(record.key) for record in records}
    known = [node for node in nodes.values() if node is not None]
    return records, known
