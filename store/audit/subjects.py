"""The subjects of rebuilds: the nodes asked for, with their recorded objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from store.audit.outcomes import Case
from store.errors import UnknownObject
from store.graph.resolver import Resolver
from store.local.store import Store
from store.model.catalogue import Catalogue
from store.model.derivation import Resolved, Source, kind
from store.model.names import STORE_DIR, ObjectId
from store.model.verdict import AuditFinding, Verdict


@dataclass(frozen=True)
class AuditSubject:
    """A node to be examined. ``kind`` is fetch, unpack or build; ``closure`` holds the inputs with
    everything they refer to.
    """

    kind: str
    node: bytes
    value: Source | Resolved
    closure: tuple[ObjectId, ...]
    case: Case


class SubjectSurvey:
    """Finds subjects in one catalogue and store; a node that cannot be examined is a finding."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue
        self._resolver = Resolver(store, catalogue)
        self._names: dict[bytes, str] = {}
        for name, package in catalogue.packages.items():
            known = self._names.get(package.node)
            if known is None or len(name) < len(known):
                self._names[package.node] = name
        self.subjects: list[AuditSubject] = []
        self.findings: list[AuditFinding] = []

    def packages(self, names: Iterable[str]) -> None:
        """Take up the packages of these names; of ``NAME^OUTPUT``, that output alone. A store path
        means the newest build of that object, which need not be of a package.

        Raises UnknownPackage or UnknownOutput, and FormatError for a path that cannot be.
        """
        for text in dict.fromkeys(names):
            if text.startswith(f"{STORE_DIR}/"):
                self._take_object(ObjectId.from_path(text))
                continue
            name, _, output = text.partition("^")
            ref = self._catalogue.ref(text)
            self._resolver.identify([ref.node])
            outputs = (ref.output,) if output else self._catalogue.nodes[ref.node].outputs
            self._take(name, ref.node, outputs)

    def closure(self, names: Iterable[str]) -> None:
        """Take up the packages and every node below them, inputs first; nodes with the same
        resolved derivation once."""
        goals = [self._catalogue.ref(name).node for name in names]
        nodes = list(self._catalogue.build_closure(goals))
        self._resolver.identify(nodes)
        seen: set[bytes] = set()
        for node in nodes:
            key = self._store.realisations.outcome(node)
            if key is None or key not in seen:
                value = self._catalogue.nodes[node]
                self._take(self._names.get(node, value.name), node, value.outputs)
            if key is not None:
                seen.add(key)

    def _take_object(self, oid: ObjectId) -> None:
        try:
            maker = self._store.realisations.maker(oid)
            value = self._store.realisations.node(maker.key)
        except UnknownObject as error:
            detail = error.message
            self.findings.append(
                AuditFinding(oid.path, "out", "rebuild", Verdict.UNKNOWN, detail=detail)
            )
            return
        assert isinstance(value, Source | Resolved)  # a key is of no other node
        try:
            case = self._case(oid.path, maker.key, {maker.output: oid}, (maker.output,))
            self.subjects.append(self._subject(maker.key, value, case, (oid,)))
        except _Unknown as unknown:
            self.findings.append(
                AuditFinding(
                    oid.path,
                    maker.output,
                    "rebuild",
                    Verdict.UNKNOWN,
                    key=maker.key,
                    detail=str(unknown),
                )
            )

    def _take(self, name: str, node: bytes, outputs: Sequence[str]) -> None:
        try:
            self.subjects.append(self._look(name, node, outputs))
        except _Unknown as unknown:
            key = self._store.realisations.outcome(node)
            self.findings += [
                AuditFinding(name, output, "rebuild", Verdict.UNKNOWN, key=key, detail=str(unknown))
                for output in outputs
            ]

    def _look(self, name: str, node: bytes, outputs: Sequence[str]) -> AuditSubject:
        value = self._catalogue.nodes[node]
        try:
            objects = self._resolver.objects(node)
        except KeyError:
            raise _Unknown("it is not realised in this store") from None
        key = self._store.realisations.outcome(node)
        assert key is not None  # whatever knows the objects has noted it
        case = self._case(name, key, objects, outputs)
        found = value if isinstance(value, Source) else self._resolved(node, key)
        return self._subject(node, found, case, objects.values())

    def _case(
        self, name: str, key: bytes, objects: Mapping[str, ObjectId], outputs: Sequence[str]
    ) -> Case:
        records = {output: self._store.realisations.of(key, output) for output in outputs}
        recorded = {
            output: tuple(dict.fromkeys([objects[output], *(record.object for record in found)]))
            for output, found in records.items()
        }
        started = min(record.started for found in records.values() for record in found)
        return Case(name, key, recorded, started)

    def _subject(
        self, node: bytes, value: Source | Resolved, case: Case, objects: Iterable[ObjectId]
    ) -> AuditSubject:
        if isinstance(value, Source):
            fetched = tuple(objects)
            self._check_present(fetched)
            return AuditSubject("fetch", node, value, fetched, case)
        roots = value.inputs
        closure = self._closure(roots if value.rootfs is None else (*roots, value.rootfs))
        return AuditSubject(kind(value), node, value, closure, case)

    def _resolved(self, node: bytes, key: bytes) -> Resolved:
        try:
            resolved = self._store.realisations.node(key)
        except UnknownObject:  # it was not built here
            self._resolver.identify([ref.node for ref in self._catalogue.inputs(node)])
            return self._resolver.resolved(node) or _refuse("an input is not realised here")
        assert isinstance(resolved, Resolved)
        return resolved

    def _closure(self, roots: Sequence[ObjectId]) -> tuple[ObjectId, ...]:
        try:
            closure = self._store.objects.closure(roots)
        except UnknownObject as error:
            raise _Unknown(f"an input is not in this store: {error.message}") from None
        self._check_present(closure)
        return closure

    def _check_present(self, oids: Iterable[ObjectId]) -> None:
        for oid in oids:
            if not self._store.objects.present(oid):
                raise _Unknown(f"{oid} is not in this store any more")


class _Unknown(Exception):
    """There is nothing to examine; the text says why."""


def _refuse(why: str) -> NoReturn:
    raise _Unknown(why)
