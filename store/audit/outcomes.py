"""Rebuilds that are wanted, their outcomes, and the findings of each output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from store.errors import Interrupted, StoreError
from store.model.names import ObjectId
from store.model.verdict import AuditFinding, Difference, Verdict
from store.sandbox.variation import JOINT, Variation

DATE = "date"
RANDOMNESS = "randomness"

SENTENCES = {
    DATE: "the date decides: at one fixed time, two rebuilds agree with each other",
    RANDOMNESS: "chance decides: with nothing else varied, two rebuilds differ from each other",
}
ELSEWHERE = (
    "rebuilds here agree with each other at any date; the recorded object was made in other "
    "circumstances, such as another number of processors, another kernel or machine"
)

Expected: TypeAlias = Mapping[str, tuple[ObjectId, ...]]
"""By output, the objects that may come out: all the same, unless records disagree."""


@dataclass(frozen=True)
class Case:
    """A derivation to be examined. ``recorded`` holds, for each output that is asked about, every
    object that it was realised to, the one that the graph uses first; ``started`` is the time of
    the realisation (Unix seconds).
    """

    subject: str
    key: bytes
    recorded: Expected
    started: int


@dataclass(frozen=True)
class Trial:
    """A rebuild that is wanted. Differences from ``expected`` are explained, if ``shown``."""

    variation: Variation
    expected: Expected
    shown: bool = True


@dataclass(frozen=True)
class TrialOutcome:
    """The result of a trial: objects by output, or the error.

    ``differences`` and ``kept`` (paths of trees) are by output, of those that were not as expected.
    """

    seconds: float
    objects: Mapping[str, ObjectId] = field(default_factory=dict)
    error: StoreError | None = None
    differences: Mapping[str, tuple[Difference, ...]] = field(default_factory=dict)
    logs: tuple[str, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)


def differing(expected: Expected, outcome: TrialOutcome) -> set[str]:
    """Return the outputs that came out as another object than each of those expected."""
    if outcome.error is not None:
        return set()
    return {name for name, objects in expected.items() if set(objects) != {outcome.objects[name]}}


def unequal(one: TrialOutcome, other: TrialOutcome, outputs: Iterable[str]) -> set[str]:
    """Return those of the outputs that came out as different objects."""
    return {name for name in outputs if one.objects[name] != other.objects[name]}


def findings_of(
    case: Case,
    expected: Expected,
    variation: Variation,
    outcome: TrialOutcome,
    causes: Mapping[str, str] | None = None,
) -> list[AuditFinding]:
    """Return the finding of each output of a rebuild; ``causes`` are by output."""
    causes = causes or {}
    others = differing(expected, outcome)
    return [
        AuditFinding(
            subject=case.subject,
            output=output,
            check="rebuild",
            verdict=_verdict(outcome, output in others),
            expected=_expected(objects, outcome.objects.get(output)),
            actual=outcome.objects.get(output),
            key=case.key,
            variation=variation.name,
            cause=causes.get(output),
            detail=_detail(variation, outcome, causes.get(output)),
            seconds=outcome.seconds,
            differences=outcome.differences.get(output, ()),
            logs=outcome.logs,
            kept=outcome.kept.get(output),
        )
        for output, objects in expected.items()
    ]


def _verdict(outcome: TrialOutcome, differs: bool) -> Verdict:
    if outcome.error is not None:
        interrupted = isinstance(outcome.error, Interrupted)
        return Verdict.UNKNOWN if interrupted else Verdict.FAILED
    return Verdict.DIFFERS if differs else Verdict.REPRODUCED


def _expected(objects: tuple[ObjectId, ...], actual: ObjectId | None) -> ObjectId:
    """Return the object to compare with: one that did not come out, if there is such."""
    return next((oid for oid in objects if oid != actual), objects[0])


def _detail(variation: Variation, outcome: TrialOutcome, cause: str | None) -> str:
    if outcome.error is not None:
        return outcome.error.message
    if cause is None:
        return ""
    if cause == variation.name and JOINT in cause:
        return f"it depends on some of these together, on none alone: {variation.description}"
    if cause == variation.name:
        return f"it depends on the variation: {variation.description}"
    return SENTENCES[cause]


def told(finding: AuditFinding, why: str) -> AuditFinding:
    """Return the finding with its detail, if it differs."""
    return replace(finding, detail=why) if finding.verdict is Verdict.DIFFERS else finding


def unvaried(case: Case, variations: Sequence[Variation], why: str) -> list[AuditFinding]:
    """Return the findings of variations that were not tried."""
    return [
        AuditFinding(
            case.subject,
            output,
            "rebuild",
            Verdict.UNKNOWN,
            objects[0],
            key=case.key,
            variation=variation.name,
            detail=f"not tried: {why}",
        )
        for variation in variations
        for output, objects in case.recorded.items()
    ]


def elsewhere(finding: AuditFinding, found: Sequence[AuditFinding]) -> AuditFinding:
    """Return a control that differs for neither date nor chance: a variation may give the recorded
    object."""
    if finding.verdict is not Verdict.DIFFERS or finding.cause is not None:
        return finding
    for other in found:
        if other.output == finding.output and other.actual == finding.expected:
            detail = f"the recorded object comes out with this variation: {other.variation}"
            return replace(finding, cause=other.variation, detail=detail)
    return replace(finding, detail=ELSEWHERE)
