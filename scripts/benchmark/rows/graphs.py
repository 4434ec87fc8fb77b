"""A graph of trivial builds, realised; and then realised again, with nothing to do."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.benchmark import nix, shapes
from scripts.benchmark.figures import Figure, bounded, compared
from scripts.benchmark.measure import Failed, Work, pairs, run
from scripts.benchmark.ours import PROGRAM, write_recipes
from scripts.benchmark.plan import Bench, Sides
from scripts.benchmark.shell import Shell

SCRIPT = 'for input in $inputs; do test -s "$input"; done; set -- $inputs; echo "$name $@" > "$out"'
"""The work of each builder, in Nix as here: read the inputs, and write its own name and theirs."""


def builds(bench: Bench) -> Iterator[Figure]:
    """The whole graph, sandboxed, as many builds at once as there are processors; then a no-op."""
    sizes = bench.sizes
    jobs = str(len(os.sched_getaffinity(0)))
    room = bench.room("builds")
    graph = shapes.builds(sizes.builds, 4)
    recipes = write_recipes(f"{room}/recipes", Shell.found(), graph, SCRIPT)
    sides = bench.sides(room, recipes)
    expression = Path(room, "graph.nix")
    nix.expression(expression, graph, SCRIPT)
    run(sides.ours.work("realise", "shell"), room)
    realise = ("realise", "top", "--jobs", jobs)
    build = ("nix-build", "--no-out-link", "-j", jobs, str(expression))
    first = sides.repeat(1, realise, build)
    _check_built(sides, len(graph))
    yield compared(f"{sizes.builds:,} trivial sandboxed builds in a graph", first, 0.3)
    again = sides.repeat(sizes.quick_turns, realise, build)
    count = f"{len(graph):,}"
    work = f"nothing to do in a graph of {count} derivations, whole process"
    yield compared(work, again, 1.0, "ms")
    yield from _starts(sides, recipes, sizes.quick_turns)


def _starts(sides: Sides, recipes: str, turns: int) -> Iterator[Figure]:
    """Plain words as a user types them, by processor time beside Python with click imported; the
    processes are started in turns."""
    environment = {**sides.ours.environment, "STORE_RECIPES": recipes}
    environment["STORE_ROOT"] = sides.ours.layout.root
    start = (sys.executable, "-I", "-c", "import click")
    program = (sys.executable, "-I", "-S", PROGRAM)
    for most, words in ((1.2, ("realise", "top")), (1.3, ("list",)), (1.1, ("--version",))):
        ours = [Work((*program, *words), environment)] * turns
        found = pairs(ours, [Work(start, environment)] * turns, sides.room)
        assert found.peer_processor
        ratio = found.processor / found.peer_processor
        work = f"`store {' '.join(words)}`, processor by Python's with click imported"
        yield bounded(work, "times", ratio, most, found.processor)


def _check_built(sides: Sides, count: int) -> None:
    """That the graph was built, in a whole sandbox."""
    told = json.loads(run(sides.ours.work("info", "--json", "top"), sides.room).output)
    levels = {made["sandbox"] for made in told["realisations"]}
    if levels != {"full"}:
        raise Failed(f"our builds ran with the sandbox {levels}")
    places = [sides.ours.layout.objects] + ([sides.theirs.store] if sides.theirs else [])
    for place in places:
        made = [name for name in os.listdir(place) if re.search(r"-build-\d+$", name)]
        if len(made) != count:
            raise Failed(f"{place} holds {len(made)} of {count} builds")
