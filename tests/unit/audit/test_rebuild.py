"""The order of rebuilds, and the findings of an audit that does not come to its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from store.audit.outcomes import Case, TrialOutcome
from store.audit.rebuild import Auditor, RebuildOptions, _begun
from store.audit.subjects import AuditSubject
from store.errors import StorageError
from store.jobs.executor import Executor, Task
from store.local.store import Store
from store.model.derivation import Derivation
from store.model.names import ObjectId
from store.model.verdict import Verdict
from store.sandbox.variation import VARIATIONS

MADE = ObjectId.parse("0" * 32 + "-toy")
BOTH = [VARIATIONS["cores"], VARIATIONS["cores-more"]]


class Bench:
    """An executor of one task at a time, which ends as it is said."""

    def __init__(self, store: Store, names: Sequence[str]) -> None:
        self.active: list[Task] = []
        self.begun: list[str] = []
        self.auditor = Auditor(store, RebuildOptions(jobs=1, cores=1))
        for number, name in enumerate(names):
            self.auditor._go_on(_begun(number, subject(name), BOTH))

    def submit(self, task: Task) -> bool:
        self.active.append(task)
        return True

    def end(self, value: object) -> None:
        executor = cast("Executor", self)
        self.auditor.submit_ready(executor)
        task = self.active.pop()
        self.begun.append(task.name)
        self.auditor.take(executor, task, value)


def subject(name: str) -> AuditSubject:
    value = Derivation(name, "s", "/b").resolve({})
    key = name.encode().ljust(32)
    return AuditSubject("build", key, value, (), Case(name, key, {"out": (MADE,)}, 1))


def test_a_package_comes_to_its_end_before_others_begin(store: Store) -> None:
    bench = Bench(store, ["one", "two"])
    bench.end(TrialOutcome(1.0, {"out": MADE}))
    bench.end(TrialOutcome(1.0, {"out": ObjectId.parse("1" * 32 + "-toy")}))
    for _ in range(3):
        bench.end(TrialOutcome(1.0, {"out": MADE}))
    assert bench.begun == [
        "one, cores",
        "one, cores-more",
        "one, control",
        "one, control",
        "two, cores",
    ]


def test_what_prevents_every_rebuild_ends_the_audit_at_the_first_package(store: Store) -> None:
    bench = Bench(store, ["one", "two"])
    error = StorageError("the disk is broken")
    bench.end(error)
    bench.end(error)
    with pytest.raises(StorageError, match="broken"):
        bench.end(error)
    assert bench.begun[-1] == "one, control"


def test_the_findings_of_an_interrupted_audit_are_those_of_each_build_that_ended(
    store: Store,
) -> None:
    bench = Bench(store, ["one", "two"])
    bench.auditor.interrupted()
    assert bench.auditor.findings == []
    bench.end(TrialOutcome(1.0, {"out": MADE}))
    bench.auditor.submit_ready(cast("Executor", bench))
    bench.auditor.interrupted()
    assert [(item.subject, item.variation, item.verdict) for item in bench.auditor.findings] == [
        ("one", "control", Verdict.UNKNOWN),
        ("one", "cores", Verdict.REPRODUCED),
        ("one", "cores-more", Verdict.UNKNOWN),
    ]
