"""The builds of missing objects, as the index remembers them: a graph that can be realised, and
that ends at present objects."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from store.errors import UnknownObject
from store.local.store import Store
from store.model.catalogue import Catalogue, GraphNode
from store.model.derivation import BUILTIN, Derivation, Ref, Resolved, Source
from store.model.names import ObjectId

THERE = f"{BUILTIN}there"
"""The builder of nodes that stand for objects that are there. Nothing can carry it out."""


@dataclass(frozen=True)
class Recorded:
    """``goals`` has the references of the objects that were asked for, ``objects`` what each node
    of the catalogue came out as, by output. It starts from the objects ``present``, for which nodes
    stand, too."""

    catalogue: Catalogue
    goals: Mapping[ObjectId, Ref]
    objects: Mapping[bytes, Mapping[str, ObjectId]]
    present: frozenset[ObjectId]


def named(node: Source | Resolved) -> tuple[ObjectId, ...]:
    """Return the objects that a build names; none for a source."""
    if isinstance(node, Source):
        return ()
    return node.inputs if node.rootfs is None else (*node.inputs, node.rootfs)


def remember(store: Store, oids: Iterable[ObjectId]) -> Recorded:
    """Return the builds of objects that the index does not know any more, and of whatever is
    missing below them.

    UnknownObject when one of them was not made here, or not from present objects, or objects made
    again.
    """
    oids = tuple(oids)
    ways = _Ways(store)
    ways.look_for(oids)
    ways.choose()
    for oid in oids:
        ways.check(oid)
    return _graph(store, ways, oids)


@dataclass
class _Ways:
    """``makers`` has the keys of the builds of each missing object, and its output in each;
    ``nodes`` the nodes of these keys. ``chosen`` are those by which all can be made, in order."""

    store: Store
    nodes: dict[bytes, Source | Resolved] = field(default_factory=dict)
    makers: dict[ObjectId, dict[bytes, str]] = field(default_factory=dict)
    present: set[ObjectId] = field(default_factory=set)
    chosen: dict[ObjectId, bytes] = field(default_factory=dict)

    def look_for(self, oids: Iterable[ObjectId]) -> None:
        """Find every build of the objects, and of those missing below."""
        todo = list(oids)
        while todo:
            oid = todo.pop()
            if oid in self.makers or oid in self.present:
                continue
            if self.store.objects.find(oid.text):
                self.present.add(oid)
                continue
            self.makers[oid] = {}
            for record in self.store.realisations.makers(oid):
                node = self._node(record.key)
                if node is not None and record.object == oid:
                    self.makers[oid][record.key] = record.output
                    todo += named(node)

    def _node(self, key: bytes) -> Source | Resolved | None:
        if key not in self.nodes:
            try:
                node = self.store.realisations.node(key)
            except UnknownObject:
                return None
            if isinstance(node, Derivation):
                return None
            self.nodes[key] = node
        return self.nodes[key]

    def choose(self) -> None:
        """Choose from present objects upwards: objects may have been made from each other, as those
        of two stages that are the same are, so not every way has a beginning."""
        made: dict[bytes, list[ObjectId]] = {}
        for oid, keys in self.makers.items():
            for key in keys:
                made.setdefault(key, []).append(oid)
        lacking = {key: set(named(self.nodes[key])) - self.present for key in made}
        needed_by: dict[ObjectId, list[bytes]] = {}
        for key, oids in lacking.items():
            for oid in oids:
                needed_by.setdefault(oid, []).append(key)
        ready = deque(key for key in made if not lacking[key])
        while ready:
            key = ready.popleft()
            for oid in made[key]:
                if oid not in self.chosen:
                    self.chosen[oid] = key
                    for other in needed_by.get(oid, ()):
                        lacking[other].discard(oid)
                        if not lacking[other]:
                            ready.append(other)

    def check(self, oid: ObjectId) -> None:
        """Raise UnknownObject when it cannot be made."""
        if oid in self.chosen or oid in self.present:
            return
        lost = next((other for other, keys in self.makers.items() if not keys), oid)
        below = "" if lost == oid else f": it needs {lost}, which is missing too"
        raise UnknownObject(
            f"{oid}, an input of its build, is not in this store any more, "
            f"and cannot be made again{below}"
        )


def _graph(store: Store, ways: _Ways, goals: Iterable[ObjectId]) -> Recorded:
    """Return the nodes that the goals take, each after those below it."""
    nodes: dict[bytes, GraphNode] = {}
    objects: dict[bytes, dict[str, ObjectId]] = {}
    refs: dict[ObjectId, Ref] = {}
    present: set[ObjectId] = set()
    wanted = _needed(ways, goals)
    for oid in (*sorted(wanted & ways.present), *(oid for oid in ways.chosen if oid in wanted)):
        if oid in ways.present:
            node: GraphNode = Derivation(oid.name, "", THERE, objects=(oid,))
            output, outcome = "out", {"out": oid}
            present.add(oid)
        else:
            key = ways.chosen[oid]
            value, output = ways.nodes[key], ways.makers[oid][key]
            node = value if isinstance(value, Source) else _unresolved(value, refs)
            outcome = (store.realisations.realised(key, value.outputs, value.name) or {}) | {
                output: oid
            }
        nodes[node.digest] = node
        objects[node.digest] = objects.get(node.digest, {}) | outcome
        refs[oid] = node.ref(output)
    goals = {oid: refs[oid] for oid in goals}
    return Recorded(Catalogue({}, nodes), goals, objects, frozenset(present))


def _needed(ways: _Ways, goals: Iterable[ObjectId]) -> set[ObjectId]:
    """Return the goals, and their inputs down to present objects."""
    found: set[ObjectId] = set()
    todo = list(goals)
    while todo:
        oid = todo.pop()
        if oid not in found:
            found.add(oid)
            if oid in ways.chosen:
                todo += named(ways.nodes[ways.chosen[oid]])
    return found


def _unresolved(node: Resolved, refs: Mapping[ObjectId, Ref]) -> Derivation:
    """Return a derivation that is resolved to ``node`` when its inputs come out as they did
    before."""
    texts = {oid.text: refs[oid].placeholder.text for oid in named(node)}
    pattern = re.compile("|".join(map(re.escape, texts)) or "(?!)")

    def replaced(text: str) -> str:
        return pattern.sub(lambda match: texts[match.group()], text)

    return Derivation(
        node.name,
        node.system,
        replaced(node.builder),
        tuple(map(replaced, node.args)),
        tuple((key, replaced(value)) for key, value in node.env),
        None if node.rootfs is None else refs[node.rootfs],
        tuple(sorted(refs[oid] for oid in node.inputs)),
        outputs=node.outputs,
        files=tuple((path, replaced(text)) for path, text in node.files),
    )
