"""The queue of a plan: nodes come when their inputs are made, the longest chain first."""

from __future__ import annotations

import pytest

from store.graph.resolver import BuildPlan
from store.model.catalogue import Catalogue
from store.model.derivation import Derivation, Source
from store.scheduler.plan_queue import PlanQueue

SOURCE = Source("source", "a" * 64, ("https://example.org/source",))


def derivation(name: str, *needs: Source | Derivation) -> Derivation:
    inputs = sorted((each.ref() for each in needs), key=lambda ref: (ref.node, ref.output))
    return Derivation(name, "x86_64-linux", "/bin/sh", inputs=tuple(inputs))


LIB = derivation("lib", SOURCE)
TOOL = derivation("tool")
TOP = derivation("top", LIB, TOOL)
NODES = {each.digest: each for each in (SOURCE, LIB, TOOL, TOP)}
PLAN = BuildPlan((SOURCE.digest,), (LIB.digest, TOOL.digest, TOP.digest))
RANKS = {SOURCE.digest: 3.0, LIB.digest: 2.0, TOOL.digest: 20.0, TOP.digest: 1.0}


@pytest.fixture
def queue() -> PlanQueue:
    return PlanQueue(Catalogue({}, NODES), PLAN, RANKS)


def names(nodes: list[bytes]) -> list[str]:
    return [NODES[node].name for node in nodes]


def test_nodes_without_inputs_in_the_plan_begin(queue: PlanQueue) -> None:
    assert names(queue.in_order()) == ["tool", "source"]
    assert queue.has_fetch()
    assert queue.left == 4


def test_a_node_comes_when_the_last_of_its_inputs_is_made(queue: PlanQueue) -> None:
    queue.remove(SOURCE.digest)
    assert names(queue.made(SOURCE.digest)) == ["lib"]
    assert not queue.has_fetch()
    queue.remove(TOOL.digest)
    assert queue.made(TOOL.digest) == []
    queue.remove(LIB.digest)
    assert names(queue.made(LIB.digest)) == ["top"]
    assert names(list(queue.ready)) == ["top"]
    assert queue.left == 1


def test_an_input_outside_of_the_plan_is_there(queue: PlanQueue) -> None:
    alone = PlanQueue(Catalogue({}, NODES), BuildPlan((), (TOP.digest,)), RANKS)
    assert names(list(alone.ready)) == ["top"]


def test_held_nodes_are_left_out_and_stay(queue: PlanQueue) -> None:
    assert names(queue.in_order({TOOL.digest})) == ["source"]
    assert len(queue.ready) == 2


def test_each_node_is_fresh_until_it_was_looked_up(queue: PlanQueue) -> None:
    for node in queue.fresh():
        queue.mark(node, fresh=False)
    assert not queue.has_fresh
    queue.mark(TOOL.digest, fresh=True)
    assert names(queue.fresh()) == ["tool"]
    queue.mark(TOOL.digest, fresh=False)
    queue.remove(SOURCE.digest)
    queue.made(SOURCE.digest)
    assert names(queue.fresh()) == ["lib"]
    assert queue.is_fresh(LIB.digest)


def test_after_a_failure_nothing_begins(queue: PlanQueue) -> None:
    queue.clear()
    assert not queue.ready
    assert queue.left == 4
