"""``store closure``, ``why`` and ``info`` over a small graph of objects."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.conftest import Line
from tests.unit.gc.conftest import Stock, stock

__all__ = ["stock"]


@pytest.fixture
def graph(stock: Stock) -> Stock:
    """``top`` refers to ``middle``, and that to ``bottom``; ``other`` to nothing."""
    stock.make("bottom")
    stock.make("middle", ["bottom"])
    stock.make("top", ["middle"])
    stock.make("other")
    stock.store.close()
    return stock


def paths(graph: Stock, *names: str) -> list[str]:
    """The store paths of objects by their names here."""
    return [graph.oids[name].path for name in names]


def test_a_closure_has_what_is_referred_to_indirectly(line: Line, graph: Stock) -> None:
    (top,) = paths(graph, "top")
    found = line.run("closure", top).stdout.split()
    assert sorted(found) == sorted(paths(graph, "top", "middle", "bottom"))
    records = [json.loads(each) for each in line.run("closure", "--json", top).stdout.splitlines()]
    assert sorted(record["path"] for record in records) == sorted(found)
    sized = line.run("closure", "--size", top).stdout.splitlines()
    assert len(sized) == 4
    assert sized[-1].endswith("in 3 objects")


def test_referrers_are_the_closure_upward(line: Line, graph: Stock) -> None:
    (bottom,) = paths(graph, "bottom")
    found = line.run("closure", "--referrers", bottom).stdout.split()
    assert sorted(found) == sorted(paths(graph, "top", "middle", "bottom"))


def test_why_shows_the_chain_of_references(line: Line, graph: Stock) -> None:
    chain = paths(graph, "top", "middle", "bottom")
    shown = line.run("why", chain[0], chain[2]).stdout.splitlines()
    assert [each.split()[-1] for each in shown] == chain
    assert json.loads(line.run("why", "--json", chain[0], chain[2]).stdout) == chain


def test_why_names_the_files_that_hold_each_reference(line: Line, graph: Stock) -> None:
    top, middle, bottom = paths(graph, "top", "middle", "bottom")
    at = len("/store/")
    assert line.run("why", "--files", top, bottom).stdout.splitlines() == [
        top,
        f"│  .: byte {at}",
        f"└─ {middle}",
        f"   │  .: byte {at}",
        f"   └─ {bottom}",
    ]
    place = {"path": "", "kind": "file", "offset": at, "times": 1}
    assert json.loads(line.run("why", "--files", "--json", top, bottom).stdout) == [
        {"path": top, "refers_to": middle, "files": [place]},
        {"path": middle, "refers_to": bottom, "files": [place]},
    ]


def test_why_says_that_there_is_no_chain(line: Line, graph: Stock) -> None:
    top, other = paths(graph, "top", "other")
    assert "does not refer to" in line.run("why", top, other, code=1).stderr


def test_info_has_references_and_size(line: Line, graph: Stock) -> None:
    (middle,) = paths(graph, "middle")
    text = line.run("info", middle).stdout
    for path in paths(graph, "bottom", "top"):
        assert path.removeprefix("/store/") in text
    record = json.loads(line.run("info", "--json", middle).stdout)
    assert record["path"] == middle
    assert record["references"] == [str(graph.oids["bottom"])]
