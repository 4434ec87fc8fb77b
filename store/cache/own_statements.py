"""The statements of this store about objects that it built, as a cache keeps them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from store.cache import file_names
from store.local.store import Store
from store.model.derivation import Resolved
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.signing import envelope, statement
from store.signing.keys import PrivateKey


class OwnStatement(NamedTuple):
    """A signed ``line``, without its newline, and the name of the ``file`` of a cache for it."""

    object: ObjectId
    file: str
    line: str


class _Build(NamedTuple):
    """A record of a build here, and the derivations (digests) that were resolved to its key."""

    record: Realisation
    node: Resolved
    derivations: tuple[bytes, ...]


def own_statements(
    store: Store, oids: Collection[ObjectId], key: PrivateKey
) -> Iterator[OwnStatement]:
    """Yield what this store can say of the makers of present objects: only of those built here.

    For each build there is a statement by its key, and one by each unresolved derivation.
    """
    signer = key.public
    for record, node, derivations in _builds(store, oids):
        tree = store.objects.manifest(record.object).root.digest()
        told = statement.provenance(record, node, signer, tree)
        by_key = file_names.by_key(record.key, signer.id)
        yield OwnStatement(record.object, by_key, envelope.seal(told, [key]))
        for each in derivations:
            told = statement.outcome(each, node.name, record, tree)
            file = file_names.by_derivation(each, signer.id)
            yield OwnStatement(record.object, file, envelope.seal(told, [key]))


def _builds(store: Store, oids: Collection[ObjectId]) -> list[_Build]:
    with store.index.read() as txn:
        records = [
            record
            for oid in sorted(oids)
            for record in txn.realisations.makers(oid)
            if record.object == oid and record.origin.built_here
        ]
        derivations = txn.nodes.resolved_to({record.key for record in records})
        found = []
        for record in records:
            node = txn.nodes.get(record.key)
            if isinstance(node, Resolved) and record.is_of(node.name):
                found.append(_Build(record, node, tuple(derivations.get(record.key, ()))))
        return found
