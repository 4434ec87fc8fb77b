"""From a few rebuilds to a cause: the rebuilds to make, and the findings of each output.

This is the reasoning alone. It asks for rebuilds by yielding trials and is sent their outcomes; the
caller builds (see ``rebuild``).
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from store.audit.outcomes import (
    DATE,
    RANDOMNESS,
    Case,
    Expected,
    Trial,
    TrialOutcome,
    differing,
    elsewhere,
    findings_of,
    told,
    unequal,
    unvaried,
)
from store.errors import Interrupted
from store.model.verdict import AuditFinding
from store.sandbox.variation import CONTROL, Variation, joined, pinned, suffice, together

NO_BASE = "no two rebuilds agree, so that nothing could be blamed on a variation"

Steps: TypeAlias = Generator[Sequence[Trial], Sequence[TrialOutcome], list[AuditFinding]]


def examine(case: Case, variations: Sequence[Variation]) -> Steps:
    """Yield trials until all is known; returns one finding for each output and variation, the
    control's first, if there was one.

    Builds that vary different things and all make the recorded object leave nothing for a control
    to find (see ``suffice``).
    """
    built: list[_Group] = []
    if suffice(variations):
        built = yield from _built(CONTROL, case.recorded, variations)
        if all(_is_as_expected(case.recorded, group.outcome) for group in built):
            outcomes = _of_each(built)
            return [
                finding
                for variation in variations
                for finding in findings_of(case, case.recorded, variation, outcomes[variation.name])
            ]
    (control,) = yield [Trial(CONTROL, case.recorded)]
    if control.error is not None:
        return findings_of(case, case.recorded, CONTROL, control) + _so_far(case, built, control)
    if differing(case.recorded, control):
        return (yield from _unstable(case, variations, control, built))
    findings = findings_of(case, case.recorded, CONTROL, control)
    return findings + (yield from _varied(case, CONTROL, case.recorded, variations, built))


def cut_short(
    steps: Steps, trials: Sequence[Trial], outcomes: Mapping[int, TrialOutcome]
) -> list[AuditFinding]:
    """Return the findings that are known without the ``trials`` that have no outcome (by their
    number), and without all that would follow."""
    none = TrialOutcome(0, error=Interrupted("the audit was interrupted"))
    while True:
        try:
            trials = steps.send([outcomes.get(i, none) for i in range(len(trials))])
        except StopIteration as end:
            findings: list[AuditFinding] = end.value
            return findings
        outcomes = {}


def _varied(
    case: Case,
    base: Variation,
    expected: Expected,
    variations: Sequence[Variation],
    built: Sequence[_Group] = (),
) -> Steps:
    """Yield the variations on top of ``base``, compared with what the base alone made; those that
    were ``built`` together are not built together again."""
    if not variations or not expected:
        return []
    built = built or (yield from _built(base, expected, variations))
    outcomes, suspects = yield from _tried(base, expected, built)
    chance: set[str] = set()
    settled = True
    if any(differing(expected, outcome) for outcome in outcomes.values()):
        # Once more without: an output that differs only sometimes must not blame a variation.
        (again,) = yield [Trial(base, expected, shown=False)]
        chance = differing(expected, again)
        settled = again.error is None
    findings = []
    for variation in variations:
        outcome = outcomes[variation.name]
        causes = {
            output: RANDOMNESS if output in chance else variation.name
            for output in (differing(expected, outcome) if settled else ())
        }
        findings += findings_of(case, expected, variation, outcome, causes)
    for suspect in suspects:
        if not any(_explains(expected, outcomes[item.name]) for item in suspect.variations):
            findings += yield from _only_together(case, base, expected, suspect)
    return findings


@dataclass(frozen=True)
class _Group:
    """Variations that one build had together."""

    variations: Sequence[Variation]
    outcome: TrialOutcome


_Built: TypeAlias = Generator[Sequence[Trial], Sequence[TrialOutcome], list[_Group]]

_Tried: TypeAlias = Generator[
    Sequence[Trial],
    Sequence[TrialOutcome],
    tuple[dict[str, TrialOutcome], list[_Group]],
]


def _built(base: Variation, expected: Expected, variations: Sequence[Variation]) -> _Built:
    """Yield all variations in as few builds as they go into."""
    groups = together(variations)
    trials = [
        Trial(_combined(base, joined(group)), expected, shown=len(group) == 1) for group in groups
    ]
    outcomes = yield trials
    return [_Group(group, outcome) for group, outcome in zip(groups, outcomes, strict=True)]


def _tried(base: Variation, expected: Expected, built: Sequence[_Group]) -> _Tried:
    """Yield each variation of a build alone, where that made another object than expected, or
    failed. Returns an outcome for each variation, by name, and those builds."""
    suspects = [
        group
        for group in built
        if len(group.variations) > 1 and not _is_as_expected(expected, group.outcome)
    ]
    outcomes = _of_each(group for group in built if group not in suspects)
    alone = [variation for suspect in suspects for variation in suspect.variations]
    if alone:
        found = yield [Trial(_combined(base, item), expected) for item in alone]
        outcomes.update((item.name, outcome) for item, outcome in zip(alone, found, strict=True))
    return outcomes, suspects


def _of_each(built: Iterable[_Group]) -> dict[str, TrialOutcome]:
    """Return the outcome of each variation, by name: that of its build."""
    return {variation.name: group.outcome for group in built for variation in group.variations}


def _so_far(case: Case, built: Iterable[_Group], control: TrialOutcome) -> list[AuditFinding]:
    """Return the findings of variations that were built together, where no control was made to
    compare them with. That they failed is said once: by the control, if that failed, too."""
    cut = isinstance(control.error, Interrupted)
    found = []
    for group in built:
        error = group.outcome.error
        if error is not None and not cut:
            continue
        alone = isinstance(error, Interrupted) or _is_as_expected(case.recorded, group.outcome)
        for item in group.variations if alone else [joined(group.variations)]:
            found += findings_of(case, case.recorded, item, group.outcome)
    return found


def _is_as_expected(expected: Expected, outcome: TrialOutcome) -> bool:
    return outcome.error is None and not differing(expected, outcome)


def _explains(expected: Expected, outcome: TrialOutcome) -> bool:
    """Return True if a variation alone differs or fails, too."""
    failed = outcome.error is not None and not isinstance(outcome.error, Interrupted)
    return failed or bool(differing(expected, outcome))


def _only_together(case: Case, base: Variation, expected: Expected, suspect: _Group) -> Steps:
    """Find out if variations do together, again, what none of them did alone."""
    joint = joined(suspect.variations)
    outcome = suspect.outcome
    if isinstance(outcome.error, Interrupted):
        return []
    if outcome.error is not None:
        return findings_of(case, expected, joint, outcome)
    (again,) = yield [Trial(_combined(base, joint), expected)]
    if again.error is not None:
        return findings_of(case, expected, joint, outcome)
    stable = differing(expected, again)
    chance = differing(expected, outcome) - stable
    causes = dict.fromkeys(stable, joint.name) | dict.fromkeys(chance, RANDOMNESS)
    return findings_of(case, expected, joint, outcome if chance else again, causes)


def _unstable(
    case: Case,
    variations: Sequence[Variation],
    control: TrialOutcome,
    built: Sequence[_Group],
) -> Steps:
    """Find the cause of an output that a rebuild without variation did not reproduce: the date,
    chance, or neither."""
    still = pinned(case.started)
    first, second = yield [Trial(still, case.recorded, shown=False)] * 2
    error = first.error or second.error
    if error is not None:
        when = "" if isinstance(error, Interrupted) else "with a stopped clock, "
        why = f"the cause is unknown: {when}{error.message}"
        findings = findings_of(case, case.recorded, CONTROL, control)
        return [told(item, why) for item in findings] + unvaried(case, variations, why)
    chance = unequal(first, second, case.recorded)
    date = unequal(first, control, case.recorded) - chance
    causes = dict.fromkeys(chance, RANDOMNESS) | dict.fromkeys(date, DATE)
    findings = findings_of(case, case.recorded, CONTROL, control, causes)
    found = unvaried(_of(case, chance), variations, NO_BASE)
    # An output beside one that chance decides can still be varied.
    rest = _of(case, case.recorded.keys() - chance)
    found += yield from _varied_all(rest, variations, control, first, date, built)
    return [elsewhere(item, found) for item in findings] + found


def _varied_all(
    case: Case,
    variations: Sequence[Variation],
    control: TrialOutcome,
    still: TrialOutcome,
    date: set[str],
    built: Sequence[_Group],
) -> Steps:
    """Yield the variations of outputs that came out the same twice, though not as recorded. Those
    that were ``built`` together are not built together again, unless at another time."""
    now = {name: (control.objects[name],) for name in case.recorded}
    if not date:
        joint = all(
            len(each.variations) > 1 or _is_as_expected(now, each.outcome) for each in built
        )
        return (yield from _varied(case, CONTROL, now, variations, built if joint else ()))
    others = [item for item in variations if not _moves_the_clock(item)]
    fixed = {name: (still.objects[name],) for name in case.recorded}
    found = yield from _varied(case, pinned(case.started), fixed, others)
    dated = {name: case.recorded[name] for name in date}
    rest = {name: objects for name, objects in now.items() if name not in date}
    for variation in filter(_moves_the_clock, variations):
        # The clock moved between the original and the control: that is this variation already.
        causes = dict.fromkeys(dated, DATE)
        found += findings_of(case, dated, variation, control, causes)
        found += yield from _varied(case, CONTROL, rest, [variation])
    return found


def _of(case: Case, outputs: Collection[str]) -> Case:
    """Return the case of these outputs alone."""
    recorded = {name: oids for name, oids in case.recorded.items() if name in outputs}
    return replace(case, recorded=recorded)


def _moves_the_clock(variation: Variation) -> bool:
    return any(name.startswith("clock") for name in variation.changes)


def _combined(base: Variation, variation: Variation) -> Variation:
    return replace(variation, changes={**base.changes, **variation.changes})
