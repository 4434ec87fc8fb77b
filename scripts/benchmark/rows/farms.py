"""Trivial builds by two workers on this machine, and the same without: the cost of a farm itself.

The server is the tests' own, in memory: BuildGrid takes longer (docs/farm.md).
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from scripts.benchmark import shapes
from scripts.benchmark.figures import Figure, compared
from scripts.benchmark.measure import Failed, Pairs, Spent, Work, run
from scripts.benchmark.ours import Ours, write_recipes
from scripts.benchmark.plan import Bench
from scripts.benchmark.rows.graphs import SCRIPT
from scripts.benchmark.shell import Shell
from tests import farm_server


def farms(bench: Bench) -> Iterator[Figure]:
    """The same graphs by two workers and by a store alone; each turn has scripts of its own."""
    if find_spec("grpc") is None:
        raise Failed("needs grpcio: run it by the Python of the tests, .venv/test/bin/python")
    room = bench.room("farm")
    with ExitStack() as stack:
        url = stack.enter_context(farm_server.running(Path(room, "server")))
        users = {"XDG_CONFIG_HOME": f"{room}/config", "XDG_DATA_HOME": f"{room}/data"}
        for number in (1, 2):
            side = Ours(f"{room}/worker-{number}")
            if number == 1:
                run(_as_user(side, users, "key", "new", "farm"), room)
                key = f"{room}/config/fixpoint/keys/farm.pub"
                run(_as_user(side, users, "key", "trust", key), room)
            _begin(stack, _as_user(side, users, "worker", url), f"{room}/worker-{number}.log")
        few, many = bench.sizes.farm_builds, bench.sizes.many_farm_builds
        turns = range(bench.sizes.farm_turns)
        pairs = [_both(room, users, url, f"turn-{turn}", few) for turn in turns]
        yield _compared(few, pairs, 2.0)
        # Of 800, each has 244 inputs on average, with all that they refer to.
        yield _compared(many, [_both(room, users, url, "many", many)], None)


def _compared(count: int, turns: Sequence[tuple[Spent, Spent]], target: float | None) -> Figure:
    farm, alone = zip(*turns, strict=True)
    work = f"{count} trivial builds by two workers here; by this store alone"
    return compared(work, Pairs(farm, alone), target)


def _both(room: str, users: dict[str, str], url: str, name: str, count: int) -> tuple[Spent, Spent]:
    """Build a graph of its own by workers, and by a store alone. Failed if the results differ."""
    graph = shapes.builds(count, 4)
    recipes = write_recipes(f"{room}/recipes-{name}", Shell.found(), graph, f": {name}; {SCRIPT}")
    spent = []
    for place, words in (
        ("farm", ("--on", url, "--remote-sandbox", "worker")),
        ("alone", ("--jobs", "2")),
    ):
        side = Ours(f"{room}/{name}-{place}", recipes)
        run(_as_user(side, users, "realise", "shell"), room)
        spent.append(run(_as_user(side, users, "realise", "top", *words), room))
    farm, alone = spent
    if farm.output != alone.output:
        raise Failed("workers made another object than this store alone")
    return farm, alone


def _as_user(side: Ours, users: dict[str, str], *words: str) -> Work:
    work = side.work(*words)
    return Work(work.words, {**side.environment, **users})


def _begin(stack: ExitStack, work: Work, log: str) -> None:
    with open(log, "wb") as stream:
        process = subprocess.Popen(work.words, env=work.env, stderr=stream)
    stack.callback(process.wait)
    stack.callback(process.send_signal, signal.SIGTERM)
    while b"waiting" not in (told := Path(log).read_bytes()):
        if process.poll() is not None:
            raise Failed(f"{' '.join(work.words)} ended:\n{told.decode(errors='replace')}")
        time.sleep(0.05)
