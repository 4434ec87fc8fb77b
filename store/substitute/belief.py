"""Which of the other side's records of realisations count in an import, and by what."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

from store.display import quoted
from store.index.foreign import Told
from store.index.schema import Node
from store.layout.paths import Layout
from store.model.derivation import Source
from store.model.file_tree import Node as TreeNode
from store.model.file_tree import NodeKind
from store.model.names import ObjectId
from store.model.origin import How, Origin
from store.model.realisation import Realisation
from store.objects.content import source_digest
from store.system.clock import unix_seconds
from store.system.machine import host_name, user_name


class Vouched(NamedTuple):
    """A record as a signed statement has it, with the lines of the trusted keys that signed it; and
    the digest of the object's tree, if it is there."""

    record: Realisation
    signers: tuple[str, ...]
    tree: bytes | None = None


Vouch: TypeAlias = Callable[[Collection[ObjectId]], Sequence[Vouched]]
"""Gives what trusted keys signed of the makers of objects."""


@dataclass(frozen=True)
class Belief:
    """``vouch`` finds what trusted keys signed. With ``unsigned``, the other store's word alone
    counts."""

    vouch: Vouch = lambda oids: ()
    unsigned: bool = False


NOBODY = Belief()
"""The belief of a caller without one: records that can be checked."""


@dataclass
class Judged:
    """``accepted`` are the records that count, each with its origin; ``nodes`` are those under
    their keys. ``passed_over`` are those that nothing speaks for, ``refused`` reasons of lies."""

    accepted: list[Realisation] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    passed_over: list[Realisation] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class Judge:
    """Judges records of the objects that lie in the store of ``layout``, sound, with trees whose
    ``roots`` are these. ``place`` is where they come from."""

    def __init__(
        self,
        layout: Layout,
        roots: Mapping[ObjectId, TreeNode],
        place: str,
        unsigned: bool,
    ) -> None:
        self._layout = layout
        self._roots = roots
        self._place = os.fsencode(place)
        self._unsigned = unsigned
        self._hashes: dict[ObjectId, str | None] = {}
        self._signed: set[tuple[bytes, str, ObjectId]] = set()
        self.judged = Judged()

    def hear_signed(self, vouched: Vouched) -> None:
        """Judge what a trusted key signed."""
        record = vouched.record
        root = self._roots.get(record.object)
        if root is None:
            return
        if vouched.tree is not None and vouched.tree != root.digest():
            self.judged.refused.append(f"{record.object} has another tree than was signed")
            return
        origin = Origin(How.SIGNED, self._place, vouched.signers)
        self._signed.add((record.key, record.output, record.object))
        self.judged.accepted.append(replace(record, origin=origin))

    def hear(self, told: Told) -> None:
        """Judge what the other store says; call it when all that is signed was heard."""
        record, node = told
        if record.object not in self._roots:
            return
        reason = _unfit(record, node)
        if reason:
            self.judged.refused.append(reason)
        elif isinstance(node, Source):
            self._hear_of_source(record, node)
        elif (record.key, record.output, record.object) in self._signed:
            self._take_node(node)
        elif self._unsigned:
            self._trust(record, node)
        else:
            self.judged.passed_over.append(record)

    def _hear_of_source(self, record: Realisation, source: Source) -> None:
        """Check a source's file, which can be looked at, and needs nobody's word."""
        unlike = unlike_source(
            self._layout, record.object, self._roots[record.object], source, self._hashes
        )
        if unlike:
            self.judged.refused.append(unlike)
            return
        checked = checked_source(record.key, record.output, record.object, self._place)
        self.judged.accepted.append(checked)
        if self._unsigned:
            self._take_node(source)

    def _trust(self, record: Realisation, node: Node | None) -> None:
        origin = Origin(How.TRUSTED, self._place)
        self.judged.accepted.append(replace(record, origin=origin))
        self._take_node(node)

    def _take_node(self, node: Node | None) -> None:
        # A node is identified by its digest, but for the place of a source: that takes trust.
        if node is not None:
            self.judged.nodes.append(node)


def unlike_source(
    layout: Layout,
    oid: ObjectId,
    root: TreeNode,
    source: Source,
    hashes: MutableMapping[ObjectId, str | None],
) -> str:
    """Return why an object that lies in the store is not the file that a source asks for; empty
    when it is. ``hashes`` keeps the SHA-256 of objects that were read."""
    if root.kind is not NodeKind.FILE or root.executable != source.executable:
        return f"{oid} is not the source {source.name}: it is no such file"
    if oid not in hashes:
        try:
            hashes[oid] = source_digest(layout.object(oid))
        except OSError:
            hashes[oid] = None  # damaged since, which is for others to find
    if hashes[oid] != source.sha256:
        return f"{oid} is not the source {source.name}: it has another hash"
    return ""


def checked_source(key: bytes, output: str, oid: ObjectId, place: bytes) -> Realisation:
    """Return the record of a source whose file came from ``place`` and was looked at here."""
    return Realisation(
        key,
        output,
        oid,
        user_name(),
        host_name(),
        "fetch",
        None,
        unix_seconds(),
        0,
        origin=Origin(How.CHECKED, place),
    )


def _unfit(record: Realisation, node: Node | None) -> str:
    """Return why a record cannot be true; empty when it can."""
    if node is None:
        return ""
    if record.output not in node.outputs:
        return f"{node.name} has no output {quoted(record.output)}"
    return "" if record.is_of(node.name) else f"{record.object} cannot be made by {node.name}"
