"""What is known of a graph before anything is built: keys, objects, and what is left to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from store.errors import ForbiddenInput
from store.model.catalogue import Catalogue, GraphNode
from store.model.derivation import BUILTIN, Ref, Resolved, Source
from store.model.names import ObjectId
from store.store import Store


class Plan(NamedTuple):
    """Nodes that have to be worked on, inputs before what needs them.

    A build in the plan may still be spared, when its inputs come out as objects that it was built
    from before.
    """

    fetches: tuple[bytes, ...]
    builds: tuple[bytes, ...]

    @property
    def nodes(self) -> tuple[bytes, ...]:
        """All of them."""
        return self.fetches + self.builds


class Knowledge:
    """Nodes whose objects are known: from the cache of outcomes, else through their inputs.

    Known is not present: a realisation outlives its object, and an absent object serves to look up
    what was built from it all the same.
    """

    def __init__(self, store: Store, catalogue: Catalogue, *, offline: bool = False) -> None:
        self._store = store
        self._catalogue = catalogue
        self._offline = offline
        self._objects: dict[bytes, Mapping[str, ObjectId]] = {}
        self._resolved: dict[bytes, tuple[list[ObjectId], Resolved]] = {}

    def object(self, ref: Ref) -> ObjectId:
        """The object that an output is realised to; KeyError when it is not known."""
        return self._objects[ref.node][ref.output]

    def objects(self, node: bytes) -> Mapping[str, ObjectId]:
        """The objects of all outputs of a known node."""
        return self._objects[node]

    def learn(self, node: bytes, objects: Mapping[str, ObjectId]) -> None:
        """A node was realised."""
        self._objects[node] = objects

    def resolved(self, node: bytes) -> Resolved | None:
        """The node with its inputs replaced by objects; None for a source, or if one is unknown."""
        value = self._catalogue.nodes[node]
        if isinstance(value, Source):
            return None
        try:
            inputs = [self.object(ref) for ref in value.refs]
        except KeyError:
            return None
        # What an input is realised to can change, when it was gone and comes out otherwise.
        former = self._resolved.get(node)
        if former is None or former[0] != inputs:
            former = inputs, value.resolve(dict(zip(value.refs, inputs, strict=True)))
            self._resolved[node] = former
        return former[1]

    def check_inputs(self, node: bytes, names: Iterable[str]) -> None:
        """ForbiddenInput when the node's sandbox, which holds the objects ``<digest>-<name>`` of
        ``names``, would hold one that its stage shuns.

        Evaluation has looked at what derivations name; only now is it known what objects refer to.
        """
        barriers = self._catalogue.barriers_of(node)
        closure = frozenset(map(ObjectId.parse, names)) if barriers else frozenset()
        for barrier in barriers:
            shunned = self._known_objects(barrier.forbidden) & closure
            found = sorted(oid.path for oid in shunned - self._known_objects(barrier.trusted))
            if found:
                raise ForbiddenInput(
                    f"{self._catalogue.nodes[node].name} would be built with {', '.join(found)} in "
                    "its sandbox, which its stage is to do without",
                    hint=f"`store why` shows which input refers to {found[0]}",
                )

    def _known_objects(self, nodes: Iterable[bytes]) -> set[ObjectId]:
        self.identify(nodes)
        return {oid for node in nodes for oid in self._objects.get(node, {}).values()}

    def key(self, node: bytes) -> bytes | None:
        """The key of the node's realisations; None while one of its inputs is unknown."""
        if isinstance(self._catalogue.nodes[node], Source):
            return node
        resolved = self.resolved(node)
        return None if resolved is None else resolved.digest

    def present(self, node: bytes) -> bool:
        """Whether every output of the node is in the store."""
        objects = self._objects.get(node)
        if objects is None or not all(self._store.present(oid) for oid in objects.values()):
            return False
        value = self._catalogue.nodes[node]
        # A source whose locators were never seen to yield its hash is fetched again: a recipe that
        # got a new location, and kept the old hash, must not pass unnoticed.
        return (
            not isinstance(value, Source)
            or self._offline
            or self._store.source_verified(value.sha256, value.locators)
        )

    def identify(self, goals: Iterable[bytes]) -> None:
        """Learn what the index knows of the goals, looking below them only where it must."""
        self._identify(goals, set())

    def _identify(self, goals: Iterable[bytes], tried: set[bytes]) -> None:
        """As told above, but for nodes in ``tried``, to which those looked at are added."""

        def prune(node: bytes) -> bool:
            return node in tried or self._recall(node)

        for node in self._catalogue.build_closure(goals, prune):
            if node not in tried and node not in self._objects:
                self.look_up(node)
            tried.add(node)

    def look_up(self, node: bytes) -> bool:
        """Learn the node's objects from the realisations of its key, if there are any."""
        key = self.key(node)
        if key is None or not self._take(node, key):
            return False
        self._store.note_outcome(node, key)
        return True

    def _recall(self, node: bytes) -> bool:
        if node in self._objects:
            return True
        key = self._store.outcome(node)
        return key is not None and self._take(node, key)

    def _take(self, node: bytes, key: bytes) -> bool:
        value = self._catalogue.nodes[node]
        objects = self._store.realised(key, value.outputs, value.name)
        if objects is None:
            return False
        self._objects[node] = objects
        return True

    def plan(self, goals: Iterable[bytes]) -> Plan:
        """What has to be done so that all goals are present."""
        needed: set[bytes] = set()
        tried: set[bytes] = set()
        stack = list(goals)
        self._identify(stack, tried)
        while stack:
            node = stack.pop()
            if node in needed or self.present(node):
                continue
            needed.add(node)
            inputs = [ref.node for ref in self._catalogue.inputs(node)]
            self._identify(inputs, tried)
            stack.extend(inputs)
        order = self._catalogue.build_closure(needed, lambda node: node not in needed)
        todo = [node for node in order if node in needed]
        fetched = {node for node in todo if isinstance(self._catalogue.nodes[node], Source)}
        return Plan(
            tuple(node for node in todo if node in fetched),
            tuple(node for node in todo if node not in fetched),
        )


def kind(node: GraphNode | Resolved) -> str:
    """``fetch``, ``unpack`` (or another builtin), or ``build``."""
    if isinstance(node, Source):
        return "fetch"
    if node.builder.startswith(BUILTIN):
        return node.builder.removeprefix(BUILTIN)
    return "build"
