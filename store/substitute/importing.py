"""Taking objects with all that they refer to from a substituter: checked before the index knows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from store.errors import CorruptObject, FormatError, InvalidName, StoreError
from store.index.content_table import ContentTable
from store.index.schema import ObjectEntry
from store.index.writing import Writer
from store.job_errors import OutputRefused
from store.layout.paths import Layout
from store.local.leases import Lease
from store.local.store import Store
from store.model.file_tree import Node
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.origin import How, Origin
from store.model.realisation import Realisation
from store.objects.ingest import ingest_again
from store.substitute.belief import NOBODY, Belief, Judge, Judged
from store.substitute.substituter import Substituter
from store.system.locks import SharedLocks

CLOSURE_LIMIT = 1_000_000
"""Objects that are taken at once."""


def closure(source: Substituter, oids: Iterable[ObjectId]) -> list[ObjectId]:
    """Return the objects and all that they refer to, references first.

    UnknownObject or CorruptObject when the manifest of one is not there, or damaged.
    """
    # Of a manifest, only the references are kept: another store may have large ones, and many.
    found: dict[ObjectId, tuple[ObjectId, ...]] = {}
    todo = list(oids)
    known = {oid: oid for oid in todo}  # many may refer to the same
    while todo:
        oid = todo.pop()
        if oid not in found:
            references = source.manifest(oid).references
            todo += [other for other in references if other not in known]
            found[oid] = tuple(known.setdefault(other, other) for other in references)
        if len(known) > CLOSURE_LIMIT:
            raise CorruptObject(f"more than {CLOSURE_LIMIT} objects of {source.name} hang together")
    try:
        return list(TopologicalSorter(found).static_order())
    except CycleError:
        raise CorruptObject(f"objects of {source.name} refer to each other in a cycle") from None


def take(
    root: str,
    source: Substituter,
    oid: ObjectId,
    claims: SharedLocks,
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
            holders=ContentTable(Layout(root).index),
            always=always,
            reserve=reserve,
        )
    except OutputRefused as error:
        raise CorruptObject(f"{oid} of {source.name} is damaged: {error.message}") from error
    return made


@dataclass(frozen=True)
class Imported:
    """``fresh`` objects were not here before. ``origins`` has the origin of each record that was
    taken; ``passed_over`` is the number of those that nothing spoke for. ``refused`` says of others
    why they cannot be true; ``untold``, why the other index could not be read, if so."""

    fresh: list[ObjectId]
    origins: list[Origin]
    passed_over: int
    refused: list[str]
    untold: str = ""


def import_objects(
    store: Store,
    source: Substituter,
    oids: Sequence[ObjectId],
    lease: Lease | None = None,
    belief: Belief = NOBODY,
) -> Imported:
    """Take objects with all that they refer to, and those of their build records that are believed.

    All become visible in one transaction, or none does: CorruptObject or UnknownObject when one is
    damaged or missing at the other end.
    """
    store.check_writable()
    wanted = closure(source, oids)
    with store.claims() as claims:
        fresh = [oid for oid in wanted if not store.objects.present(oid)]
        if lease is not None:
            lease.add(wanted)
            fresh = [oid for oid in wanted if not store.objects.present(oid)]
        reserve = store.disk.reserve()
        entries, roots = [], dict[ObjectId, Node]()
        for oid in fresh:
            m = take(store.layout.root, source, oid, claims, reserve=reserve)
            entries.append(ObjectEntry(m.id, m.references, m.refers_to_itself, m.size))
            roots[oid] = m.root
        # Of the other store's facts of an object, only those that were computed anew count.
        roots |= {oid: store.objects.manifest(oid).root for oid in wanted if oid not in roots}
        judged, untold = _judge(store, source, roots, belief)

        def transaction(txn: Writer) -> Imported:
            txn.objects.register_all(entries)
            txn.nodes.put(node for node in judged.nodes if txn.nodes.get(node.digest) is None)
            taken, refused = add_records(txn, judged)
            passed_over = sum(not _is_known(txn, record) for record in judged.passed_over)
            return Imported(fresh, taken, passed_over, refused, untold)

        return store.index.write(transaction)


def _judge(
    store: Store, source: Substituter, roots: Mapping[ObjectId, Node], belief: Belief
) -> tuple[Judged, str]:
    """Return the records that count, and why the other index could not be read, if so."""
    judge, untold = Judge(store.layout, roots, source.name, belief.unsigned), ""
    for vouched in belief.vouch(roots.keys()):
        judge.hear_signed(vouched)
    if os.path.realpath(source.name) == os.path.realpath(store.layout.root):
        return judge.judged, untold  # it has nothing to tell itself
    try:
        for told in source.told(list(roots)):
            judge.hear(told)
    except StoreError as error:
        untold = error.message
    return judge.judged, untold


def add_records(txn: Writer, judged: Judged) -> tuple[list[Origin], list[str]]:
    """Return the origins of added or present records; and the reasons that others were refused."""
    taken, refused = [], list(judged.refused)
    for record in judged.accepted:
        # A source that was looked at is known from then on; when does not matter.
        if record.origin.how is How.CHECKED and _says_the_same(txn, record):
            continue
        try:
            txn.realisations.add(record)
        except (InvalidName, FormatError) as error:
            refused.append(error.message)
        else:
            taken.append(record.origin)
    return taken, refused


def _says_the_same(txn: Writer, record: Realisation) -> bool:
    known = txn.realisations.of(record.key, record.output)
    return any(other.object == record.object and other.may_be_fetched() for other in known)


def _is_known(txn: Writer, record: Realisation) -> bool:
    known = txn.realisations.of(record.key, record.output)
    return any(other.encode() == record.encode() for other in known)
