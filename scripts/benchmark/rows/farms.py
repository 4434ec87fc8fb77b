"""Trivial builds by two workers on this machine, and the same without: the cost of a farm itself.

The server is the tests' own, in memory: BuildGrid takes longer (docs/farm.md).
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
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

BUILDS = 40


def farms(bench: Bench) -> Iterator[Figure]:
    """The same graph by two workers and by a store alone; each turn has scripts of its own."""
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
        farm, alone = list[Spent](), list[Spent]()
        on = ("--on", url, "--remote-sandbox", "worker")
        for turn in range(bench.sizes.turns):
            script = f": {turn}; {SCRIPT}"
            graph = shapes.builds(BUILDS, 4)
            recipes = write_recipes(f"{room}/recipes-{turn}", Shell.found(), graph, script)
            for spent, words in ((farm, on), (alone, ("--jobs", "2"))):
                side = Ours(f"{room}/{turn}-{len(words)}", recipes)
                run(_as_user(side, users, "realise", "shell"), room)
                spent.append(run(_as_user(side, users, "realise", "top", *words), room))
            if farm[-1].output != alone[-1].output:
                raise Failed("workers made another object than this store alone")
        yield compared(
            f"{BUILDS} trivial builds by two workers here; by this store alone",
            Pairs(tuple(farm), tuple(alone)),
            2.0,
        )


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
