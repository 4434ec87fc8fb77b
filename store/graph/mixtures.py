"""Finding two objects of one output of a derivation in one graph.

A build's inputs may come from different times or stores. So one may refer to an object that a
derivation of the graph once came out as, and another to a later one. Objects have the names of
their derivations: only where a name is there twice, more is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from store.digest import TEXT_SIZE
from store.errors import UnknownObject
from store.local.store import Store
from store.model.catalogue import Catalogue
from store.model.derivation import Derivation, Ref, Resolved, Source
from store.model.names import ObjectId, object_name

Known: TypeAlias = Callable[[bytes, str], ObjectId | None]
"""The object that a node's output is realised to, as far as it is known."""


class Mixture(NamedTuple):
    """The objects, in order, that output ``output`` of the node came out as, of which there are
    several in one graph."""

    node: bytes
    output: str
    objects: tuple[ObjectId, ...]


class Settled(NamedTuple):
    """A mixture that a plan avoids: ``kept`` is used, and objects that refer to ``others`` are
    not."""

    node: bytes
    name: str
    kept: ObjectId
    others: tuple[ObjectId, ...]


def several(names: Iterable[str]) -> dict[str, list[str]]:
    """Return, of objects ``<digest>-<name>``, those whose name others have, too, by that."""
    found: dict[str, list[str]] = {}
    for text in names:
        found.setdefault(text[TEXT_SIZE + 1 :], []).append(text)
    return {name: texts for name, texts in found.items() if len(texts) > 1}


class Mixtures:
    """Finds mixtures in a graph of which ``known`` tells what its nodes are realised to."""

    def __init__(self, store: Store, catalogue: Catalogue, known: Known) -> None:
        self._store = store
        self._catalogue = catalogue
        self._known = known
        self._answers: dict[_Question, bool] = {}

    def first(self, nodes: Iterable[bytes], names: Iterable[str]) -> Mixture | None:
        """Return the lowest mixture among the objects ``<digest>-<name>`` of ``names``; None when
        there is none. ``nodes`` are those of the graph, inputs before their users."""
        found = several(names)
        if not found:
            return None
        alike = {name: tuple(map(ObjectId.parse, texts)) for name, texts in found.items()}
        places = [
            (node, output)
            for node in nodes
            for output in self._catalogue.nodes[node].outputs
            if object_name(self._catalogue.nodes[node].name, output) in alike
        ]
        used = {self._known(node, output): (node, output) for node, output in places}
        for node, output in places:
            name = object_name(self._catalogue.nodes[node].name, output)
            members = tuple(
                oid
                for oid in alike[name]
                # The object of another node belongs in the graph as that.
                if used.get(oid, (node, output)) == (node, output) and self.is_of(node, output, oid)
            )
            if len(members) > 1:
                return Mixture(node, output, members)
        return None

    def is_of(self, node: bytes, output: str, oid: ObjectId) -> bool:
        """Return whether the node's output is realised to the object, or was, from inputs that were
        the node's."""
        start = _Question(node, output, oid)
        stack = [start]
        while stack:
            question = stack[-1]
            if question in self._answers:
                stack.pop()
                continue
            lacking = self._try_to_answer(question)
            stack += lacking
        return self._answers[start]

    def _try_to_answer(self, question: _Question) -> list[_Question]:
        """Answer the question, or return those to be answered before; they are of lower nodes."""
        if self._known(question.node, question.output) == question.object:
            self._answers[question] = True
            return []
        for below in self._ways(question):
            lacking = [each for each in below if each not in self._answers]
            if lacking:
                return lacking
            if all(self._answers[each] for each in below):
                self._answers[question] = True
                return []
        self._answers[question] = False
        return []

    def _ways(self, question: _Question) -> Iterator[list[_Question]]:
        """Yield, for each record of the object that may be of the node, the nodes that its inputs
        have to be of."""
        node = self._catalogue.nodes[question.node]
        fetched = isinstance(node, Source)
        keys = {
            made.key
            for made in self._store.realisations.makers(question.object)
            if made.object == question.object
            and made.output == question.output
            and (not fetched or made.may_be_fetched())
        }
        for key in sorted(keys):
            if isinstance(node, Source):
                if key == question.node:
                    yield []
                continue
            resolved = self._resolved(key)
            inputs = None if resolved is None else inputs_of(node, resolved)
            if inputs is not None:
                yield [_Question(ref.node, ref.output, oid) for ref, oid in inputs.items()]

    def _resolved(self, key: bytes) -> Resolved | None:
        try:
            found = self._store.realisations.node(key)
        except UnknownObject:
            return None
        return found if isinstance(found, Resolved) else None


class _Question(NamedTuple):
    node: bytes
    output: str
    object: ObjectId


def inputs_of(node: Derivation, resolved: Resolved) -> dict[Ref, ObjectId] | None:
    """Return the objects that a derivation's inputs were, when ``resolved`` came of it by these;
    None when it cannot have."""
    if (node.name, node.system, node.outputs) != (resolved.name, resolved.system, resolved.outputs):
        return None
    found = _placed(node, resolved)
    if node.rootfs is not None and resolved.rootfs is not None:
        found[node.rootfs] = resolved.rootfs
    by_name: dict[str, ObjectId] = {}
    for oid in sorted(set(resolved.inputs) - set(found.values()), reverse=True):
        by_name[oid.name] = oid
    for ref in node.inputs:
        if ref not in found and ref.name in by_name:
            found[ref] = by_name[ref.name]
    if any(ref not in found for ref in node.refs):
        return None
    return found if node.resolve(found).digest == resolved.digest else None


def _placed(node: Derivation, resolved: Resolved) -> dict[Ref, ObjectId]:
    """Return the inputs whose paths stand in the texts of a build, by where they stand."""
    objects = {oid.text: oid for oid in (*resolved.inputs, resolved.rootfs) if oid is not None}
    refs = {ref.placeholder.text: ref for ref in node.refs}
    pattern = re.compile("|".join(map(re.escape, refs)) or "(?!)")
    found: dict[Ref, ObjectId] = {}
    for old, new in zip(_texts(node), _texts(resolved), strict=False):
        for match in pattern.finditer(old):
            # A digest's text is as long as a placeholder's, so all stands where it stood.
            oid = objects.get(new[match.start() : match.end()])
            if oid is not None:
                found[refs[match.group()]] = oid
    return found


def _texts(node: Derivation | Resolved) -> Sequence[str]:
    pairs = (*node.env, *node.files)
    return (node.builder, *node.args, *(text for _, text in pairs))


def known_in(objects: Mapping[bytes, Mapping[str, ObjectId]]) -> Known:
    """Return the objects that a mapping of nodes' objects by output knows."""
    return lambda node, output: objects.get(node, {}).get(output)
