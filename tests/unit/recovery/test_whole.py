"""Objects in columns: which are whole with all that they need, and in what order they come."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from store.model.names import ObjectId
from store.recovery.whole import Columns, Whole


def name(number: int) -> str:
    return str(ObjectId(number.to_bytes(20, "big"), f"object-{number}"))


def found(references: Mapping[int, Sequence[int]], damaged: Sequence[int] = ()) -> Whole:
    """The objects that were seen, by number; the references of one need not be there."""
    names = {name(number): number for number in references}
    whole = Whole(sorted(names))
    places = {each: place for place, each in enumerate(sorted(names))}
    seen = Columns()
    for each in sorted(names):
        number = names[each]
        below = tuple(map(name, references[number]))
        if number in damaged:
            seen.add_damaged()
            continue
        seen.add(number % 2 == 1, 10 * number, number, [places[x] for x in below if x in places])
        for other in below:
            if other not in places:
                seen.lacks(other)
        if number % 3 == 0:  # they come in parts
            whole.extend(seen)
            seen = Columns()
    whole.extend(seen)
    whole.put_in_order()
    return whole


def test_entries_are_what_was_seen_each_after_what_it_refers_to() -> None:
    whole = found({1: [2, 3], 2: [3], 3: []})
    assert [entry.size for entry in whole] == [30, 20, 10]
    assert whole[0].id == ObjectId.parse(name(3))
    assert [str(other) for other in whole[-1].references] == [name(2), name(3)]
    assert [(entry.refers_to_itself, entry.registered) for entry in whole[1:]] == [
        (False, 2),
        (True, 1),
    ]
    assert whole.lacking == {}


def test_what_needs_a_damaged_or_missing_object_lacks_that_one() -> None:
    whole = found({1: [2], 2: [3, 4], 3: [], 4: [], 5: [9], 6: [5], 7: []}, damaged=[4])
    assert [str(entry.id) for entry in whole] == [name(3), name(7)]
    assert whole.lacking == {
        name(1): name(4),
        name(2): name(4),
        name(5): name(9),
        name(6): name(9),
    }


def test_nothing_in_a_cycle_is_sound_nor_what_needs_it() -> None:
    whole = found({1: [2], 2: [3], 3: [1], 4: [3], 5: [], 6: [6]})
    assert [str(entry.id) for entry in whole] == [name(5)]
    assert whole.lacking.keys() == {name(number) for number in (1, 2, 3, 4, 6)}


@pytest.mark.slow
def test_a_chain_may_be_longer_than_any_stack_of_calls() -> None:
    whole = found({number: [number + 1] for number in range(50_000)} | {50_000: []})
    assert [entry.size for entry in whole[:2]] == [500_000, 499_990]
    assert len(whole) == 50_001


@pytest.mark.parametrize("seed", range(20))
def test_in_any_graph_the_sound_ones_are_those_whose_closure_is_whole(seed: int) -> None:
    generator = random.Random(seed)
    graph = {
        number: generator.sample(range(number + 1, 45), generator.randrange(0, 3))
        for number in range(40)
    }
    graph[45] = graph[44] = []
    damaged = generator.sample(range(40), 2)
    bad = {*damaged, 40, 41, 42, 43}  # the latter four are not there
    for _ in graph:
        bad |= {number for number, below in graph.items() if bad & set(below)}
    whole = found(graph, damaged)
    order = [entry.size // 10 for entry in whole]
    assert set(order) == graph.keys() - bad
    assert len(order) == len(set(order))
    places = {number: at for at, number in enumerate(order)}
    assert all(places[below] < places[number] for number in order for below in graph[number])
    assert whole.lacking.keys() == {name(number) for number in graph.keys() & bad - set(damaged)}
    assert {ObjectId.parse(text) for text in whole.lacking.values()} <= {
        ObjectId.parse(name(number)) for number in bad
    }
