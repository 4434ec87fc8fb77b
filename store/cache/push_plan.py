"""The contents of a push: objects with all that they refer to, and what this store says of them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

from store.cache import file_names
from store.cache.own_statements import OwnStatement, own_statements
from store.local.store import Store
from store.model.derivation import Resolved, Source
from store.model.names import ObjectId
from store.signing.keys import PrivateKey, PublicKey


@dataclass(frozen=True, kw_only=True)
class PushPlan:
    """``objects`` are in order, references first; ``goals`` are those that no
    other of them refers to. ``statements`` are signed by ``signer``. ``sources`` has the
    objects by SHA-256, ``logs`` the keys of builds by the digest of their log."""

    objects: tuple[ObjectId, ...]
    goals: tuple[ObjectId, ...]
    statements: tuple[OwnStatement, ...]
    sources: Mapping[str, ObjectId]
    logs: Mapping[bytes, bytes]
    signer: PublicKey | None = None

    def statement_files(self) -> dict[str, list[str]]:
        """Return the lines by the file that they belong to."""
        found: dict[str, list[str]] = {}
        for statement in self.statements:
            found.setdefault(statement.file, []).append(statement.line)
        return found

    def source_files(self) -> dict[str, bytes]:
        """Return the files that name the objects of sources."""
        return {
            file_names.source(sha256): f"{oid}\n".encode() for sha256, oid in self.sources.items()
        }


def plan_push(
    store: Store, goals: Collection[ObjectId], key: PrivateKey | None, *, builds: bool = False
) -> PushPlan:
    """Return what a push of the goals consists of; with ``builds``, all that they were built from,
    too, as far as it is here. Without a key nothing is signed.

    UnknownObject when the store does not hold one of the objects.
    """
    objects = set(store.objects.closure(goals))
    if builds:
        objects |= _built_from(store, objects)
    statements = tuple(own_statements(store, objects, key)) if key is not None else ()
    sources, logs = _facts(store, objects)
    references = {oid: store.objects.references(oid) for oid in sorted(objects)}
    return PushPlan(
        objects=tuple(TopologicalSorter(references).static_order()),
        goals=tuple(sorted(objects - {each for some in references.values() for each in some})),
        statements=statements,
        sources=sources,
        logs=logs,
        signer=None if key is None else key.public,
    )


def can_sign(store: Store, goals: Collection[ObjectId], *, builds: bool = False) -> bool:
    """Return whether this store built one of the objects of a push, and so has something to
    sign."""
    objects = set(store.objects.closure(goals))
    if builds:
        objects |= _built_from(store, objects)
    with store.index.read() as txn:
        return any(
            record.origin.built_here and isinstance(txn.nodes.get(record.key), Resolved)
            for oid in objects
            for record in txn.realisations.makers(oid)
        )


def _built_from(store: Store, objects: Iterable[ObjectId]) -> set[ObjectId]:
    """Return the closures of the inputs of the objects' builds, and of theirs, as far as they are
    present."""
    seen: set[ObjectId] = set()
    waiting = set(objects)
    while waiting:
        seen |= waiting
        inputs: set[ObjectId] = set()
        with store.index.read() as txn:
            for record in (each for oid in waiting for each in txn.realisations.makers(oid)):
                node = txn.nodes.get(record.key)
                if isinstance(node, Resolved):
                    inputs |= {*node.inputs, *([] if node.rootfs is None else [node.rootfs])}
        present = [oid for oid in inputs - seen if store.objects.present(oid)]
        waiting = set(store.objects.closure(present)) - seen
    return seen


def _facts(
    store: Store, objects: Iterable[ObjectId]
) -> tuple[dict[str, ObjectId], dict[bytes, bytes]]:
    """Return the sources that are among the objects, and the logs of those that were built here."""
    sources: dict[str, ObjectId] = {}
    logs: dict[bytes, bytes] = {}
    with store.index.read() as txn:
        for record in (each for oid in sorted(objects) for each in txn.realisations.makers(oid)):
            node = txn.nodes.get(record.key)
            if isinstance(node, Source) and record.may_be_fetched():
                sources.setdefault(node.sha256, record.object)
            elif record.origin.built_here and record.log is not None:
                logs[record.log] = record.key
    there = {key for key in logs.values() if os.path.exists(store.layout.log(key))}
    return sources, {log: key for log, key in logs.items() if key in there}
