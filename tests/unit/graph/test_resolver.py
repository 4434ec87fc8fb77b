"""The facts of a graph, learnt with as few looks at the index as there are nodes."""

from __future__ import annotations

import pytest

from store.graph.resolver import Resolver
from store.job_errors import ForbiddenInput
from store.local.store import Store
from store.model.catalogue import Barrier, Catalogue, collect
from store.model.derivation import Derivation, Source
from store.model.names import ObjectId

LAYERS = 12


def layered() -> list[Derivation]:
    """Layers of two, each needing both of the layer below: as many paths as 2 to the LAYERS."""
    made: list[Derivation] = []
    for number in range(2 * LAYERS):
        below = made[number // 2 * 2 - 2 : number // 2 * 2]
        inputs = tuple(sorted(each.ref() for each in below))
        name = f"build-{number}"
        made.append(Derivation(name, "x86_64-linux", "/bin/sh", inputs=inputs))
    return made


def test_a_plan_looks_at_each_node_of_an_unknown_graph_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = layered()
    looks: list[bytes] = []

    def outcome(node: bytes) -> None:
        looks.append(node)

    monkeypatch.setattr(store.realisations, "outcome", outcome)
    plan = Resolver(store, Catalogue({}, collect(graph))).plan([graph[-1].digest])
    assert len(plan.builds) == 2 * LAYERS - 1
    assert len(looks) == len(set(looks)) == 2 * LAYERS - 1


def test_a_plan_has_the_order_of_its_goals_and_of_their_inputs(store: Store) -> None:
    sources = [Source(f"file-{n}", f"{n:064x}", ("https://example.org/x",)) for n in range(20)]
    goals = [
        Derivation(f"goal-{n}", "s", "/b", inputs=tuple(sorted(one.ref() for one in some)))
        for n, some in enumerate((sources[:12], sources[8:]))
    ]
    plan = Resolver(store, Catalogue({}, collect([*sources, *goals]))).plan(
        [goal.digest for goal in goals]
    )
    assert plan.builds == tuple(goal.digest for goal in goals)
    refs = [ref.node for goal in goals for ref in goal.inputs]
    assert plan.fetches == tuple(dict.fromkeys(refs))


def test_a_node_is_resolved_once_for_the_same_inputs_and_anew_for_others(store: Store) -> None:
    below = Derivation("below", "s", "/b")
    node = Derivation("above", "s", "/b", inputs=(below.ref(),))
    resolver = Resolver(store, Catalogue({}, collect([below, node])))
    assert resolver.resolved(node.digest) is None

    one, other = ObjectId(b"1" * 20, "below"), ObjectId(b"2" * 20, "below")
    resolver.learn(below.digest, {"out": one})
    first = resolver.resolved(node.digest)
    assert first is not None
    assert first.inputs == (one,)
    assert resolver.resolved(node.digest) is first

    resolver.learn(below.digest, {"out": other})
    second = resolver.resolved(node.digest)
    assert second is not None
    assert second.inputs == (other,)


@pytest.mark.parametrize("above_trusted", [True, False])
def test_an_object_may_be_a_trusted_node_s_below_an_input_from_a_cache(
    store: Store, above_trusted: bool
) -> None:
    shunned = Derivation("tool", "s", "/b", args=("first",))
    trusted = Derivation("tool", "s", "/b", args=("again",))
    root = Derivation("root", "s", "/b", inputs=(trusted.ref(),) if above_trusted else ())
    node = Derivation("above", "s", "/b", inputs=(root.ref(),))
    barrier = Barrier(
        frozenset({node.digest}), frozenset({shunned.digest}), frozenset({trusted.digest})
    )
    catalogue = Catalogue({}, collect([shunned, trusted, root, node]), (barrier,))
    resolver = Resolver(store, catalogue)
    tool = ObjectId(b"1" * 20, "tool")
    # The root was taken whole: nobody has asked what the tool below it came out as.
    resolver.learn(shunned.digest, {"out": tool})
    resolver.learn(root.digest, {"out": ObjectId(b"2" * 20, "root")})
    if above_trusted:
        resolver.check_inputs(node.digest, [tool.text + "-tool"])
    else:
        with pytest.raises(ForbiddenInput):
            resolver.check_inputs(node.digest, [tool.text + "-tool"])
