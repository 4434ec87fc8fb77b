"""Two objects of one derivation: found among a build's inputs, and in closures that have them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from store import digest
from store.graph.mixtures import Mixtures, inputs_of
from store.graph.resolver import Resolver
from store.index.writing import Writer
from store.job_errors import MixedInputs
from store.local.store import Store
from store.model.catalogue import Catalogue, collect
from store.model.derivation import Derivation, Ref
from store.model.names import ObjectId, object_name
from store.model.result import Made, Result
from store.objects.ingest import ingest
from store.verify.index_check import check_index


def node(name: str, *inputs: Derivation, quiet: bool = False, note: str = "") -> Derivation:
    """A derivation that names its inputs, or is silent about where they are."""
    refs = tuple(sorted(each.ref() for each in inputs))
    args = () if quiet else tuple(f"--with={ref}/x" for ref in refs)
    files = () if quiet else (("inputs", "\n".join(map(str, refs))),)
    return Derivation(name, "x", "/bin/sh", (*args, note), inputs=refs, files=files)


DICE = node("dice")
LEFT, RIGHT = node("left", DICE), node("right", DICE)
TOP = node("top", LEFT, RIGHT)
PLAIN = node("plain", DICE)
PLAIN_LEFT, PLAIN_RIGHT = node("plain-left", PLAIN), node("plain-right", PLAIN)
PLAIN_TOP = node("plain-top", PLAIN_LEFT, PLAIN_RIGHT)
TALL = node("tall", RIGHT)
TOWER = node("tower", LEFT, TALL)
GRAPH = (DICE, LEFT, RIGHT, TOP, PLAIN, PLAIN_LEFT, PLAIN_RIGHT, PLAIN_TOP, TALL, TOWER)


@dataclass
class Place:
    """A store in which nodes come out as the test says."""

    store: Store
    started: int = 0
    made: dict[str, ObjectId] = field(default_factory=dict)

    def realise(
        self, node: Derivation, content: str, below: Sequence[str] = (), refers: Sequence[str] = ()
    ) -> ObjectId:
        """Register ``content`` as the output of a node, built from what ``below`` names, some of
        which it ``refers`` to; known by its content from then on."""
        by_name = {self.made[each].name: self.made[each] for each in below}
        resolved = node.resolve({ref: by_name[ref.name] for ref in node.refs})
        others = [self.made[each] for each in refers]
        path = Path(self.store.layout.tmp) / "made"
        path.write_text(" ".join([content, *(oid.path for oid in others)]))
        manifest = ingest(self.store.layout.root, str(path), node.name, candidates=others)
        os.unlink(path)
        self.started += 10
        made = Made("out", manifest.id, manifest.references, False, manifest.size)
        result = Result((made,), "full", self.started, 1.0)
        self.store.realisations.register(
            node.digest, resolved.digest, resolved, result, derivation=node
        )
        self.made[content] = manifest.id
        return manifest.id

    def resolver(self) -> Resolver:
        return Resolver(self.store, Catalogue({}, collect(GRAPH)))

    def names(self, *contents: str) -> tuple[str, ...]:
        return self.store.objects.closure_names(self.made[each] for each in contents)


@pytest.fixture
def place(store: Store) -> Place:
    return Place(store)


@pytest.fixture
def two(place: Place) -> Place:
    """``left`` on the throw ``a`` and ``right`` on ``b``."""
    for throw, name, above in (("a", "left", LEFT), ("b", "right", RIGHT)):
        place.realise(DICE, throw)
        place.realise(above, f"{name}-{throw}", [throw], [throw])
    return place


def test_a_plan_that_would_mix_uses_one_and_says_so(two: Place) -> None:
    plan = two.resolver().plan([TOP.digest])
    (settled,) = plan.settled
    assert {settled.kept, *settled.others} == {two.made["a"], two.made["b"]}
    assert len(plan.builds) == 2
    again = RIGHT if settled.kept == two.made["a"] else LEFT
    assert set(plan.builds) == {again.digest, TOP.digest}


def test_the_fewer_are_built_again(two: Place) -> None:
    two.realise(TALL, "tall-b", ["right-b"], ["right-b"])
    plan = two.resolver().plan([TOWER.digest])
    assert plan.settled[0].kept == two.made["b"]
    assert set(plan.builds) == {LEFT.digest, TOWER.digest}
    # Asked for again, the same resolver says the same.
    resolver = two.resolver()
    assert resolver.plan([TOWER.digest]) == resolver.plan([TOWER.digest]) == plan


def test_what_is_built_already_or_of_one_throw_is_left_alone(two: Place) -> None:
    for goal in (LEFT, RIGHT):
        plan = two.resolver().plan([goal.digest])
        assert (plan.builds, plan.settled) == ((), ())
    two.realise(RIGHT, "right-a", ["a"], ["a"])
    plan = two.resolver().plan([TOP.digest])
    assert (plan.builds, plan.settled) == ((TOP.digest,), ())
    two.realise(LEFT, "left-b", ["b"], ["b"])
    two.realise(RIGHT, "right-a", ["a"], ["a"])
    plan = two.resolver().plan([TOP.digest])
    assert plan.builds == (TOP.digest,)
    assert len(plan.settled) == 1


def test_of_what_does_not_show_what_it_was_built_from_it_is_found_too(place: Place) -> None:
    """``plain`` refers to no throw: two of it are objects of two keys."""
    for throw, name, above in (("a", "plain-left", PLAIN_LEFT), ("b", "plain-right", PLAIN_RIGHT)):
        place.realise(DICE, throw)
        place.realise(PLAIN, f"plain-{throw}", [throw])
        place.realise(above, f"{name}-{throw}", [f"plain-{throw}"], [f"plain-{throw}"])
    plan = place.resolver().plan([PLAIN_TOP.digest])
    (settled,) = plan.settled
    assert settled.name == "plain"
    assert len(plan.builds) == 2
    names = place.names("plain-left-a", "plain-right-b")
    with pytest.raises(MixedInputs, match="objects of one derivation"):
        place.resolver().check_unmixed(PLAIN_TOP.digest, names)


def test_before_a_build_starts_its_inputs_are_looked_at_once_more(two: Place) -> None:
    resolver = two.resolver()
    resolver.check_unmixed(TOP.digest, two.names("left-a"))
    with pytest.raises(MixedInputs) as caught:
        resolver.check_unmixed(TOP.digest, two.names("left-a", "right-b"))
    assert caught.value.exit_code == 39


def test_an_object_that_is_named_itself_is_no_choice_and_holds_up_nothing(two: Place) -> None:
    named = Derivation(
        "named", "x", "/bin/sh", inputs=(RIGHT.ref(),), objects=(two.made["left-a"],)
    )
    resolver = Resolver(two.store, Catalogue({}, collect([*GRAPH, named])))
    assert named.digest in resolver.plan([named.digest]).builds


def test_two_derivations_of_one_name_are_no_mixture(place: Place) -> None:
    """As those of two stages are, built alike from different inputs."""
    first = node("tool")
    second = node("tool", first)
    third = node("tool", second)
    goal = node("goal", second, third)
    place.realise(first, "one")
    place.realise(second, "two", ["one"], ["one"])
    place.realise(third, "three", ["two"], ["two"])
    catalogue = Catalogue({}, collect([first, second, third, goal]))
    resolver = Resolver(place.store, catalogue)
    plan = resolver.plan([goal.digest])
    assert (plan.builds, plan.settled) == ((goal.digest,), ())
    resolver.check_unmixed(goal.digest, place.names("three"))
    assert check_index(place.store) == []


@pytest.mark.parametrize("quiet", [False, True])
def test_a_derivations_inputs_are_found_in_what_it_was_resolved_to(quiet: bool) -> None:
    above = node("above", LEFT, RIGHT, quiet=quiet)
    inputs = {
        ref: ObjectId(bytes([number]) * 20, ref.name) for number, ref in enumerate(above.refs)
    }
    resolved = above.resolve(inputs)
    assert inputs_of(above, resolved) == inputs
    for other in (
        node("above", LEFT, quiet=quiet),
        node("above", LEFT, RIGHT, quiet=quiet, note="another"),
        node("other", LEFT, RIGHT, quiet=quiet),
        node("above", LEFT, TALL, quiet=quiet),
    ):
        assert inputs_of(other, resolved) is None


def test_inputs_of_one_name_are_told_apart_by_a_file() -> None:
    silent = node("above", node("tool"), node("tool", DICE), quiet=True)
    files = tuple((f"file{at}", f"cat {ref}") for at, ref in enumerate(silent.inputs))
    above = replace(silent, files=files)
    for order in (b"12", b"21"):
        objects = [ObjectId(bytes([number]) * 20, "tool") for number in order]
        inputs = dict(zip(above.inputs, objects, strict=True))
        assert inputs_of(above, above.resolve(inputs)) == inputs


@pytest.mark.slow
def test_a_long_chain_of_builds_is_gone_through(place: Place) -> None:
    """Two of each, down to the bottom, where chance decided: no recursion is deep enough."""
    depth = 1500
    chain = [DICE]
    for number in range(depth):
        chain.append(node(f"n{number}", chain[-1]))
    resolved = {}
    for throw in ("a", "b"):
        place.realise(DICE, throw)
        below = place.made[throw]
        for each in chain[1:]:
            oid = of_chain(throw, each)
            resolved[each.name, throw] = each.resolve({Ref(*ref_of(each)): below}), oid
            below = oid
    store = place.store

    def tell(txn: object) -> None:
        from store.index.writing import Writer
        from store.model.realisation import Realisation

        assert isinstance(txn, Writer)
        for build, oid in resolved.values():
            txn.nodes.put([build])
            made = Realisation(build.digest, "out", oid, "u", "h", "full", None, 1, 1)
            txn.realisations.add(made)

    store.index.write(tell)
    mixtures = Mixtures(store, Catalogue({}, collect(chain)), lambda node, output: None)
    top = chain[-1]
    for throw in ("a", "b"):
        assert mixtures.is_of(top.digest, "out", of_chain(throw, top))
    assert not mixtures.is_of(top.digest, "out", of_chain("c", top))


def of_chain(throw: str, node: Derivation) -> ObjectId:
    return ObjectId(digest.file_digest(f"{throw}{node.name}".encode())[:20], node.name)


def ref_of(node: Derivation) -> tuple[bytes, str, str]:
    (ref,) = node.refs
    return ref.node, ref.output, ref.name


# -- what verify finds -----


def test_verify_finds_the_lowest_object_of_each_mixed_closure(two: Place) -> None:
    assert check_index(two.store) == []
    top = two.realise(TOP, "top", ["left-a", "right-b"], ["left-a", "right-b"])
    two.realise(node("over", TOP), "over", ["top"], ["top"])
    (finding,) = check_index(two.store)
    assert (finding.kind, finding.object, finding.severity) == ("mixed", top, "error")
    assert two.made["a"].path in finding.detail
    assert two.made["b"].path in finding.detail


def test_verify_finds_what_does_not_show_what_it_was_built_from(place: Place) -> None:
    for throw in ("a", "b"):
        place.realise(DICE, throw)
        place.realise(PLAIN, f"plain-{throw}", [throw])
    for throw, above in (("a", PLAIN_LEFT), ("b", PLAIN_RIGHT)):
        place.realise(above, f"{above.name}-{throw}", [f"plain-{throw}"], [f"plain-{throw}"])
    both = ["plain-left-a", "plain-right-b"]
    top = place.realise(PLAIN_TOP, "top", both, both)
    (finding,) = check_index(place.store)
    assert (finding.kind, finding.object) == ("mixed", top)
    assert place.made["plain-a"].path in finding.detail


PAIR = Derivation("pair", "x", "/bin/sh", ("-c", "both"), outputs=("lib", "out"))


def pair(place: Place, throw: str, outputs: Sequence[str] = PAIR.outputs) -> dict[str, ObjectId]:
    """Register what one build of the pair made; only some of it, as an import may."""
    place.started += 10
    resolved, made = PAIR.resolve({}), []
    for output in outputs:
        path = Path(place.store.layout.tmp) / "made"
        path.write_text(f"{output} {throw}")
        manifest = ingest(place.store.layout.root, str(path), object_name("pair", output))
        os.unlink(path)
        made.append(Made(output, manifest.id, (), False, manifest.size))
    result = Result(tuple(made), "full", place.started, 1.0)
    place.store.realisations.register(
        PAIR.digest, resolved.digest, resolved, result, derivation=PAIR
    )
    return {each.output: each.id for each in made}


def of_pair(place: Place) -> dict[str, ObjectId] | None:
    return place.store.realisations.realised(PAIR.resolve({}).digest, PAIR.outputs, "pair")


def lose(place: Place, oid: ObjectId) -> None:
    place.store.index.write(lambda txn: txn.objects.unregister(txn.objects.known(oid)))


def test_outputs_of_two_builds_are_not_put_together(place: Place) -> None:
    pair(place, "a", ["out"])
    assert of_pair(place) is None
    pair(place, "b", ["lib"])
    assert of_pair(place) is None
    resolver = Resolver(place.store, Catalogue({}, collect([PAIR])))
    assert resolver.plan([PAIR.digest]).builds == (PAIR.digest,)
    whole = pair(place, "c")
    assert of_pair(place) == whole
    pair(place, "d")
    assert of_pair(place) == whole


def test_of_two_builds_the_one_that_is_there_is_used(place: Place) -> None:
    first, second = pair(place, "a"), pair(place, "b")
    assert of_pair(place) == first
    lose(place, first["lib"])
    assert of_pair(place) == second
    lose(place, second["out"])
    assert of_pair(place) == first, "to be built again: what is left does not fit together"


def test_what_is_there_under_another_key_than_the_last_is_used(place: Place) -> None:
    place.realise(DICE, "a")
    place.realise(LEFT, "left-a", ["a"], ["a"])
    place.realise(DICE, "b")
    last = place.realise(LEFT, "left-b", ["b"], ["b"])
    place.store.realisations.flush_outcomes()
    lose(place, last)
    plan = place.resolver().plan([LEFT.digest])
    assert plan.builds == ()
    assert place.resolver().plan([LEFT.digest]) == plan


def test_of_two_builds_of_one_instant_the_one_that_is_there_is_used(place: Place) -> None:
    first = place.realise(DICE, "a")
    place.started -= 10
    second = place.realise(DICE, "b")
    for gone, left in ((first, second), (second, first)):
        lose(place, gone)
        key = DICE.resolve({}).digest
        assert place.store.realisations.realised(key, ("out",), "dice") == {"out": left}
        place.store.index.write(partial(_found, left=gone))


def _found(txn: Writer, left: ObjectId) -> None:
    txn.objects.register(left, (), False, 1)


def test_the_key_of_a_build_outlasts_one_that_was_noted_before(place: Place) -> None:
    place.realise(DICE, "a")
    old = place.realise(LEFT, "left-a", ["a"], ["a"])
    lose(place, old)
    place.realise(DICE, "b")
    place.store.realisations.note_outcome(
        LEFT.digest, place.store.realisations.outcome(LEFT.digest) or b""
    )
    place.realise(LEFT, "left-b", ["b"], ["b"])
    place.store.realisations.flush_outcomes()
    key = place.store.realisations.outcome(LEFT.digest)
    assert key is not None
    assert place.store.realisations.realised(key, ("out",), "left") == {"out": place.made["left-b"]}
