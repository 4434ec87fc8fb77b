"""The execution of a plan: a build that waits for a processor costs next to nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, cast

import pytest

from store.errors import StoreFull
from store.graph.resolver import BuildPlan, Resolver
from store.jobs.executor import Executor, Task
from store.local.leases import Lease
from store.local.store import Store
from store.model.catalogue import Catalogue
from store.model.derivation import Derivation
from store.model.names import ObjectId
from store.scheduler.build_options import BuildOptions
from store.scheduler.execution import Execution

TOOL = Derivation("tool", "x86_64-linux", "/bin/sh")


class Busy:
    """An executor whose processors are busy for some rounds; then the disk is full."""

    active: Sequence[Task] = ()
    stalled: Sequence[Task] = ()
    settling: Sequence[Task] = ()
    idle = True

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.given: list[Task] = []

    def full(self, kind: str) -> bool:
        return False

    def closure_names(self, roots: Collection[ObjectId]) -> Sequence[str]:
        return ()

    def submit(self, task: Task) -> bool:
        self.given.append(task)
        if len(self.given) > self.rounds:
            raise StoreFull("the disk is full")
        return False

    def ended(self, *, pending: bool) -> Iterator[tuple[Task, object]]:
        return iter(())

    def bring(self, nodes: object, wanted: object, lease: object) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_task_that_lacks_a_token_is_made_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = Catalogue({}, {TOOL.digest: TOOL})
    executor = Busy(3)
    monkeypatch.setattr(Execution, "_executor", lambda self: cast(Executor, executor))
    options, lease = BuildOptions(jobs=1, cores=1), Lease(store.index)
    events: list[Any] = []
    execution = Execution(
        store, catalogue, Resolver(store, catalogue), options, events.append, lease
    )
    with pytest.raises(StoreFull):
        execution.run(BuildPlan((), (TOOL.digest,)))
    assert len(executor.given) == 4
    assert len(set(map(id, executor.given))) == 1
