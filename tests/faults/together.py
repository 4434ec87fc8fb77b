"""Builders, adders, collectors and verifiers at once on one store, some of them killed.

Nobody waits for anybody but by the store's own locks. Every result is kept by a link; when the time
is over, all that a link leads to has to be there, whole, after one more collection that nothing
disturbs. Where root runs this, another user holds every lock meanwhile that it can take on what it
can read, but for objects and manifests, as ever more comes: nobody minds.
"""

from __future__ import annotations

import os
import pickle
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from random import Random

from store.errors import Busy
from tests.faults import rule
from tests.faults.running import Clock, Done, run
from tests.faults.subjects import Subject, Workshop, write_tree
from tests.faults.tally import Tally
from tests.integration.neighbours import let_in, neighbour
from tests.recipes.small.stages import ITEMS

CONTENTS = 24
"""Different files that are added again and again; trees share them."""

KILLED = 0.1
"""The share of commands that are killed before their end."""


class Worker:
    """One process that runs commands of one kind until the time is over."""

    def __init__(self, shop: Workshop, role: str, number: int, seed: int, clock: Clock) -> None:
        self._shop = shop
        self._role = role
        self._name = f"{role}-{number}"
        self._folder = shop.place / self._name
        self._chosen = Random(f"{seed} {self._name}")
        self._clock = clock
        self._tally = Tally("together")

    def work(self) -> Tally:
        """Work until the time is over."""
        self._folder.mkdir()
        step = _ROLES[self._role]
        while self._clock.running():
            step(self)
        return self._tally

    def _run(self, *words: str) -> Done:
        line = self._shop.command(self._shop.place / "shared", words)
        kill = self._chosen.uniform(0, 0.5) if self._chosen.random() < KILLED else None
        done = run(line, self._folder, self._shop.environment, kill_after=kill)
        killed = kill is not None and done.code < 0
        # One collects at a time, and says so.
        refused = self._role == "collector" and done.code == Busy.exit_code
        failed = not killed and not refused and done.code != 0
        said = f"{' '.join(words)} ended with {done.code}: {done.err}{done.out}"
        findings = [said] if failed else []
        ended = "s killed" if killed else "s refused" if refused else " runs"
        self._tally.add(f"{self._role}{ended}", findings, "")
        return done

    def _link(self) -> str:
        return str(self._shop.place / "links" / f"{self._name}-{self._chosen.randrange(6)}")

    def add(self) -> None:
        """Add a tree of a few of the contents; now and then let go of an earlier one."""
        tree = self._folder / "tree"
        for number in range(CONTENTS):
            (tree / f"{number}").unlink(missing_ok=True)
        numbers = self._chosen.sample(range(CONTENTS), self._chosen.randint(1, 6))
        write_tree(tree, {f"{number}": f"content {number}\n" * 50 for number in numbers})
        if self._chosen.random() < 0.3:
            with suppress(FileNotFoundError):
                os.unlink(self._link())
        self._run("add", str(tree), "--out-link", self._link())

    def build(self) -> None:
        """Realise an item and what it stands on."""
        item = f"item-{self._chosen.randrange(ITEMS)}"
        self._run("realise", "--cores", "2", item, "--out-link", self._link())

    def collect(self) -> None:
        """Collect all that is dead."""
        self._run("gc")

    def verify(self) -> None:
        """Verify everything, every byte."""
        self._run("verify", "--contents")


_ROLES: Mapping[str, Callable[[Worker], None]] = {
    "adder": Worker.add,
    "builder": Worker.build,
    "collector": Worker.collect,
    "verifier": Worker.verify,
}


def _with_rootfs(shop: Workshop) -> None:
    shop.must("root", "add", "rootfs", shop.must("realise", "rootfs").out.strip())


TOGETHER = Subject("together", (), _with_rootfs)


def together(shop: Workshop, crew: Mapping[str, int], seconds: float, seed: int) -> Tally:
    """Let a crew (how many of each role) work for so many seconds, and look at the store."""
    shared = shop.place / "shared"
    (shop.place / "links").mkdir()
    root = shared / "root"
    shared.mkdir()
    shop.template.rename(root)
    clock = Clock(seconds)
    workers = [
        Worker(shop, role, number, seed, clock)
        for role, count in crew.items()
        for number in range(count)
    ]
    total = Tally("together", Counter(seconds=round(seconds)))
    with ExitStack() as beside:
        if os.geteuid() == 0:
            let_in(shared)
            objects = [f"{root}/store", f"{root}/manifests"]
            beside.enter_context(neighbour(root, avoided=objects))
            total.counts["locking neighbours"] += 1
        for tally in [_result(started) for started in [_start(each.work) for each in workers]]:
            total += tally
        last = run(shop.command(shared, ("gc",)), shop.place, shop.environment)
    if last.code != 0:
        total.lost.append(f"the last gc ended with {last.code}: {last.err}{last.out}")
    links = list((shop.place / "links").iterdir())
    kept = {os.path.basename(os.readlink(link)) for link in links}
    total.counts["results kept"] = len(kept)
    total.lost += rule.violations(str(root), kept)
    return total


def _start(action: Callable[[], Tally]) -> tuple[int, int]:
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            result = action()
        except BaseException as error:
            result = Tally("together", lost=[f"a worker of the harness died: {error!r}"])
        with os.fdopen(writable, "wb") as stream:
            pickle.dump(result, stream)
        os._exit(0)
    os.close(writable)
    return pid, readable


def _result(started: tuple[int, int]) -> Tally:
    pid, readable = started
    with os.fdopen(readable, "rb") as stream:
        result = pickle.load(stream)
    os.waitpid(pid, 0)
    assert isinstance(result, Tally)
    return result
