"""Knowledge of a graph before anything is built: keys, objects, and the work to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from store.job_errors import ForbiddenInput, MixedInputs
from store.local.realisations import ANY, Choice
from store.local.store import Store
from store.model.catalogue import Catalogue
from store.model.derivation import Derivation, Ref, Resolved, Source
from store.model.names import ObjectId, object_name

if TYPE_CHECKING:
    from store.graph.mixtures import Mixture, Settled
    from store.model.realisation import Realisation


class BuildPlan(NamedTuple):
    """Nodes that have to be worked on, inputs before their users.

    A build in the plan may still be spared, when its inputs come out as objects that it was built
    from before. ``settled`` are the mixtures of objects that it avoids; ``lost`` are objects that
    the index knows and the disk does not hold, which it makes anew.
    """

    fetches: tuple[bytes, ...]
    builds: tuple[bytes, ...]
    settled: tuple[Settled, ...] = ()
    lost: tuple[ObjectId, ...] = ()

    @property
    def nodes(self) -> tuple[bytes, ...]:
        """All of them."""
        return self.fetches + self.builds


class Resolver:
    """Nodes whose objects are known: from the cache of outcomes, else through their inputs.

    Known is not present: a realisation outlives its object, and an absent object still serves to
    look up builds that used it. ``choice`` says which objects are used rather than others of the
    same node, and which not at all.
    """

    def __init__(
        self, store: Store, catalogue: Catalogue, *, offline: bool = False, choice: Choice = ANY
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._offline = offline
        self._choice = choice
        self._settled: list[Settled] = []
        self._incomplete: set[bytes] = set()
        self._objects: dict[bytes, Mapping[str, ObjectId]] = {}
        self._resolved: dict[bytes, tuple[list[ObjectId], Resolved]] = {}

    def object(self, ref: Ref) -> ObjectId:
        """Return the object that an output is realised to; KeyError when it is not known."""
        return self._objects[ref.node][ref.output]

    def objects(self, node: bytes) -> Mapping[str, ObjectId]:
        """Return the objects of all outputs of a known node."""
        return self._objects[node]

    def learn(self, node: bytes, objects: Mapping[str, ObjectId]) -> None:
        """Note that a node was realised."""
        self._incomplete.discard(node)
        self._objects[node] = objects

    def resolved(self, node: bytes) -> Resolved | None:
        """Return the node with its inputs replaced by objects; None for a source, or if one is
        unknown."""
        value = self._catalogue.nodes[node]
        if isinstance(value, Source):
            return None
        try:
            inputs = [self.object(ref) for ref in value.refs]
        except KeyError:
            return None
        # The object of an input can change, when it was missing and comes out otherwise.
        former = self._resolved.get(node)
        if former is None or former[0] != inputs:
            former = inputs, value.resolve(dict(zip(value.refs, inputs, strict=True)))
            self._resolved[node] = former
        return former[1]

    def check_inputs(self, node: bytes, names: Iterable[str]) -> None:
        """Raise ForbiddenInput when the node's sandbox, which holds the objects ``<digest>-<name>``
        of ``names``, would hold one that its stage shuns.

        Evaluation has looked at what derivations name; only now is it known what objects refer to.
        Where an input came from a cache, outcomes below it need not be known: an object counts only
        if no trusted node below this one, whose object is not known, has its name.
        """
        barriers = self._catalogue.barriers_of(node)
        closure = frozenset(map(ObjectId.parse, names)) if barriers else frozenset()
        for barrier in barriers:
            shunned = self._known_objects(barrier.forbidden) & closure
            shunned -= self._known_objects(barrier.trusted)
            unknown = self._unknown_below(node, barrier.trusted) if shunned else set()
            found = sorted(oid.path for oid in shunned if oid.name not in unknown)
            if found:
                raise ForbiddenInput(
                    f"{self._catalogue.nodes[node].name} would be built with {', '.join(found)} in "
                    "its sandbox, which its stage must not use",
                    hint=f"`store why` shows which input refers to {found[0]}",
                )

    def check_unmixed(self, node: bytes, names: Iterable[str]) -> None:
        """Raise MixedInputs when the node's sandbox would hold two objects of one derivation: as
        where an input came out otherwise than when another was built from it."""
        found = self._mixture([node], names)
        if found is not None:
            paths = " and ".join(oid.path for oid in found.objects)
            raise MixedInputs(
                f"{self._catalogue.nodes[node].name} would be built with both {paths}, which are "
                "objects of one derivation",
                hint="run the command again: it makes a new plan",
            )

    def _known_objects(self, nodes: Iterable[bytes]) -> set[ObjectId]:
        self.identify(nodes)
        return {oid for node in nodes for oid in self._objects.get(node, {}).values()}

    def _unknown_below(self, node: bytes, trusted: frozenset[bytes]) -> set[str]:
        """Return the names of the objects of trusted nodes below a node that are not known."""
        below = trusted.intersection(self._catalogue.build_closure([node])) - self._objects.keys()
        values = [self._catalogue.nodes[each] for each in below]
        return {object_name(value.name, output) for value in values for output in value.outputs}

    def key(self, node: bytes) -> bytes | None:
        """Return the key of the node's realisations; None while one of its inputs is unknown."""
        if isinstance(self._catalogue.nodes[node], Source):
            return node
        resolved = self.resolved(node)
        return None if resolved is None else resolved.digest

    def present(self, node: bytes) -> bool:
        """Return whether every output of the node is in the store, to be used as it is."""
        if node in self._incomplete:
            return False
        objects = self._objects.get(node)
        if objects is None or not all(self._store.objects.present(oid) for oid in objects.values()):
            return False
        value = self._catalogue.nodes[node]
        # A source whose locators were never seen to yield its hash, and for which no cache was
        # asked in their place, is fetched again: a recipe that got a new location, and kept the old
        # hash, must not pass unnoticed.
        return (
            not isinstance(value, Source)
            or self._offline
            or self._store.realisations.source_verified(value.sha256, value.locators, instead=True)
        )

    def identify(self, goals: Iterable[bytes]) -> None:
        """Learn what the index knows of the goals, looking below them only where it must."""
        self._identify(goals, set())

    def _identify(self, goals: Iterable[bytes], tried: set[bytes]) -> None:
        """Identify as above, but for nodes in ``tried``, to which those looked at are added."""

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
        self._store.realisations.note_outcome(node, key)
        return True

    def _recall(self, node: bytes) -> bool:
        if node in self._objects:
            return True
        key = self._store.realisations.outcome(node)
        return key is not None and self._take(node, key)

    def _take(self, node: bytes, key: bytes) -> bool:
        value = self._catalogue.nodes[node]
        fetched = isinstance(value, Source)
        objects = self._store.realisations.realised(
            key, value.outputs, value.name, fetched=fetched, choice=self._choice
        )
        if objects is None:
            return False
        self._objects[node] = objects
        return True

    def plan(self, goals: Iterable[bytes]) -> BuildPlan:
        """Return the work after which all goals are present, with one object of each derivation."""
        goals = tuple(goals)
        plan = self._plan(goals)
        weighed: set[bytes] = set()
        while plan.builds:
            mixed = self._mixture(plan.builds, self._taken_in(plan))
            found = mixed or self._many_valued(plan, weighed)
            if found is None or not self._choice.shunned.isdisjoint(found.objects):
                break  # an object that a derivation names cannot be chosen
            kept, trial = self._least(goals, found)
            if mixed or kept != self._objects[found.node][found.output]:
                self._settle(found, kept, trial)
                plan = self._plan(goals)
        return plan._replace(settled=tuple(self._settled), lost=tuple(self._lost_in(plan)))

    def _plan(self, goals: Iterable[bytes]) -> BuildPlan:
        """Plan as :meth:`plan`, from the known objects. The references of a present object are
        present, too."""
        goals = tuple(goals)
        plan = self._absent(goals)
        while found := self._makers_of_lost(goals, plan):
            self._incomplete |= found
            plan = self._absent((*goals, *sorted(self._incomplete)))
        return plan

    def _makers_of_lost(self, goals: Iterable[bytes], plan: BuildPlan) -> set[bytes]:
        """Return further nodes to realise, since something in the closure of a present object is
        lost: its own node; else, where no node below made it, the node whose object refers to
        it."""
        todo = set(plan.nodes)
        inputs = {ref.node for node in todo for ref in self._catalogue.inputs(node)}
        present = (inputs | set(goals)) - todo
        lost = set(self._store.objects.lost(oid for node in present for oid in self._outputs(node)))
        lost -= {oid for node in todo for oid in self._outputs(node)}
        if not lost:
            return set()
        below = list(self._catalogue.build_closure(present))
        self.identify(below)
        makers = {node for node in below if not lost.isdisjoint(self._outputs(node))}
        if makers:
            return makers - todo
        return {node for node in present if self._store.objects.lost(self._outputs(node))}

    def _lost_in(self, plan: BuildPlan) -> list[ObjectId]:
        return self._store.objects.lost(oid for node in plan.nodes for oid in self._outputs(node))

    def _outputs(self, node: bytes) -> Iterable[ObjectId]:
        """Return the objects of a node, as far as they are known."""
        return self._objects.get(node, {}).values()

    def _absent(self, goals: Iterable[bytes]) -> BuildPlan:
        """Return the goals that are not present, and what they need that is not: the same order
        each time, as people and scripts compare plans."""
        needed: set[bytes] = set()
        tried: set[bytes] = set()
        goals = list(goals)
        stack = [*goals]
        self._identify(stack, tried)
        while stack:
            node = stack.pop()
            if node in needed or self.present(node):
                continue
            inputs = [ref.node for ref in self._catalogue.inputs(node)]
            self._identify(inputs, tried)
            # Its last key need not be the one that it has with what its inputs are now.
            if self.look_up(node) and self.present(node):
                continue
            needed.add(node)
            stack.extend(inputs)
        # The needed ones lie below the goals, with nothing but needed ones between.
        order = self._catalogue.build_closure(reversed(goals), lambda node: node not in needed)
        todo = [node for node in order if node in needed]
        fetched = {node for node in todo if isinstance(self._catalogue.nodes[node], Source)}
        return BuildPlan(
            tuple(node for node in todo if node in fetched),
            tuple(node for node in todo if node not in fetched),
        )

    # -- one object of each derivation --

    def _taken_in(self, plan: BuildPlan) -> Iterable[str]:
        """Return the objects, by name, that are there and that the plan's builds start from."""
        todo, objects = set(plan.nodes), set[ObjectId]()
        for node in plan.builds:
            value = self._catalogue.nodes[node]
            assert isinstance(value, Derivation)
            objects.update(value.objects)
            objects.update(self.object(ref) for ref in value.refs if ref.node not in todo)
        return self._store.objects.closure_names(filter(self._store.objects.present, objects))

    def _mixture(self, nodes: Iterable[bytes], names: Iterable[str]) -> Mixture | None:
        """Return the lowest in the graph below the nodes, among the objects ``<digest>-<name>``."""
        from store.graph.mixtures import (  # not needed where nothing is built
            Mixtures,
            known_in,
            several,
        )

        names = tuple(names)
        alike = several(names)
        if not alike:
            return None
        order = list(self._catalogue.build_closure(nodes))
        named = [node for node in order if self._may_be(node, alike)]
        self.identify(named)
        return Mixtures(self._store, self._catalogue, known_in(self._objects)).first(named, names)

    def _may_be(self, node: bytes, names: Iterable[str]) -> bool:
        """Return whether an object of one of the names may be the node's."""
        value = self._catalogue.nodes[node]
        return any(object_name(value.name, output) in names for output in value.outputs)

    def _many_valued(self, plan: BuildPlan, weighed: set[bytes]) -> Mixture | None:
        """Return an input of the builds that is there as several objects: with another, less may
        have to be built. Those in ``weighed`` are passed over, and those looked at are added."""
        from store.graph.mixtures import Mixture

        todo = set(plan.nodes)
        for ref in (ref for node in plan.builds for ref in self._catalogue.inputs(node)):
            if ref.node in todo or ref.node in weighed:
                continue
            weighed.add(ref.node)
            key = self.key(ref.node) or self._store.realisations.outcome(ref.node)
            records = self._store.realisations.of(key, ref.output) if key is not None else ()
            objects = {record.object for record in records if self._counts(ref.node, record)}
            there = sorted(filter(self._store.objects.present, objects - self._choice.shunned))
            if len(there) > 1:
                return Mixture(ref.node, ref.output, tuple(there))
        return None

    def _counts(self, node: bytes, record: Realisation) -> bool:
        """Return whether a record under the node's key can be of it."""
        fetched = isinstance(self._catalogue.nodes[node], Source)
        return record.is_of(self._name(node)) and (not fetched or record.may_be_fetched())

    def _name(self, node: bytes) -> str:
        return self._catalogue.nodes[node].name

    def _least(self, goals: Iterable[bytes], found: Mixture) -> tuple[ObjectId, Resolver]:
        """Return the object with which the least has to be built, and the knowledge then."""
        known = self._objects.get(found.node, {}).get(found.output)
        # A missing one may come out as yet another.
        there = list(filter(self._store.objects.present, found.objects)) or found.objects
        order = sorted(there, key=lambda oid: (oid != known, oid))
        trials = {kept: self._trial(kept, found.objects) for kept in order}
        kept = min(order, key=lambda oid: len(trials[oid]._plan(goals).builds))
        return kept, trials[kept]

    def _trial(self, kept: ObjectId, objects: Iterable[ObjectId]) -> Resolver:
        """Return the knowledge if one of the objects was used, and no object that others are in."""
        choice = self._choice_of(kept, objects)
        trial = Resolver(self._store, self._catalogue, offline=self._offline, choice=choice)
        # Learnt facts stay so, unless the choice is against them.
        trial._objects.update(self._untainted(choice))
        trial._incomplete |= self._incomplete
        return trial

    def _choice_of(self, kept: ObjectId, objects: Iterable[ObjectId]) -> Choice:
        others = [oid for oid in objects if oid != kept]
        above = self._store.objects.referrers_closure(others)
        return Choice(self._choice.kept | {kept}, self._choice.shunned | frozenset(above))

    def _untainted(self, choice: Choice) -> dict[bytes, Mapping[str, ObjectId]]:
        return {
            node: objects
            for node, objects in self._objects.items()
            if choice.shunned.isdisjoint(objects.values())
        }

    def _settle(self, found: Mixture, kept: ObjectId, trial: Resolver) -> None:
        """Know the findings of a trial, and nothing that its choice is against."""
        from store.graph.mixtures import Settled

        others = tuple(oid for oid in found.objects if oid != kept)
        self._settled.append(Settled(found.node, self._name(found.node), kept, others))
        for node in self._objects.keys() - self._untainted(trial._choice).keys():
            self._store.realisations.forget_outcome(node)
        self._choice = trial._choice
        self._objects = trial._objects
