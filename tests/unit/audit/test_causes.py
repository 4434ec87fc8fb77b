"""Which rebuilds are asked for, and the conclusions from their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from store.audit.causes import cut_short, examine
from store.audit.outcomes import Case, Trial, TrialOutcome
from store.job_errors import BuildFailed
from store.model.names import ObjectId
from store.model.verdict import AuditFinding, Verdict
from store.sandbox.variation import JOINT, VARIATIONS, Variation

Build = Callable[[Variation, int], str]
"""The result under a variation, the so-manieth time that anything is built."""


def made(content: str) -> ObjectId:
    return ObjectId(content.encode().ljust(20, b"\0"), "toy")


def case(*recorded: str) -> Case:
    return Case("toy", b"k" * 32, {"out": tuple(map(made, recorded or ("good",)))}, 1000)


class Bench:
    """Runs an examination against builds that are only made up."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self.trials: list[Trial] = []

    def outcome(self, trial: Trial) -> TrialOutcome:
        self.trials.append(trial)
        content = self._build(trial.variation, len(self.trials))
        if content == "fails":
            return TrialOutcome(1.0, error=BuildFailed("toy", "exit status 1"))
        return TrialOutcome(1.0, {"out": made(content)})

    def run(self, asked: Case, variations: Sequence[str] = ()) -> list[AuditFinding]:
        steps = examine(asked, [VARIATIONS[name] for name in variations])
        trials = next(steps)
        while True:
            try:
                trials = steps.send([self.outcome(trial) for trial in trials])
            except StopIteration as end:
                found: list[AuditFinding] = end.value
                return found


def is_still(variation: Variation) -> bool:
    return "clock_stopped" in variation.changes


def test_one_rebuild_is_enough_for_what_reproduces() -> None:
    bench = Bench(lambda variation, count: "good")
    (finding,) = bench.run(case())
    assert finding.verdict is Verdict.REPRODUCED
    assert len(bench.trials) == 1


def test_the_variation_that_differs_is_the_cause() -> None:
    bench = Bench(lambda variation, count: "bad" if "uid" in variation.changes else "good")
    found = {item.variation: item for item in bench.run(case(), ["path", "user", "aslr"])}
    assert found["user"].cause == "user"
    assert found["user"].expected == made("good")
    assert found["user"].actual == made("bad")
    assert {found[name].verdict for name in ("control", "path", "aslr")} == {Verdict.REPRODUCED}
    names = [trial.variation.name for trial in bench.trials]
    assert names[1:-1] == ["path+user+aslr", "path", "user", "aslr"]
    assert names[-1] == "control", "it was made sure that it is not chance"
    assert [trial.shown for trial in bench.trials[1:5]] == [False, True, True, True]


def test_what_reproduces_has_all_variations_in_two_builds_and_no_control() -> None:
    bench = Bench(lambda variation, count: "good")
    found = bench.run(case(), list(VARIATIONS))
    assert [item.variation for item in found] == list(VARIATIONS)
    assert {item.verdict for item in found} == {Verdict.REPRODUCED}
    assert len(bench.trials) == 2
    together = [name for trial in bench.trials for name in trial.variation.name.split(JOINT)]
    assert sorted(together) == sorted(VARIATIONS)


def test_a_control_comes_after_variations_that_differ_and_none_is_built_twice() -> None:
    bench = Bench(lambda variation, count: "bad" if "uid" in variation.changes else "good")
    found = {item.variation: item for item in bench.run(case(), list(VARIATIONS))}
    assert set(found) == {"control", *VARIATIONS}
    differing = [name for name, item in found.items() if item.verdict is Verdict.DIFFERS]
    assert (differing, found["user"].cause) == (["user"], "user")
    names = [trial.variation.name for trial in bench.trials]
    first, second, control, *alone, again = names
    assert (control, again) == ("control", "control")
    assert "user" in first.split(JOINT)
    assert "user" not in second.split(JOINT)
    assert alone == first.split(JOINT), "those of the build that reproduced are not tried again"


def test_what_differs_from_its_record_and_not_by_variations_has_a_control() -> None:
    bench = Bench(lambda variation, count: "bad")
    control, *varied = bench.run(case(), list(VARIATIONS))
    assert (control.variation, control.verdict, control.cause) == (
        "control",
        Verdict.DIFFERS,
        None,
    )
    assert {item.verdict for item in varied} == {Verdict.REPRODUCED}, "compared with the control"
    assert {item.expected for item in varied} == {made("bad")}
    assert len(bench.trials) == 5, "none is built together twice"


def test_one_that_was_alone_in_its_build_is_compared_anew_with_a_control_that_differs() -> None:
    contents = {"cores-more": "other"}
    bench = Bench(lambda variation, count: contents.get(variation.name, "bad"))
    found = {item.variation: item for item in bench.run(case(), ["cores", "date", "cores-more"])}
    assert found["cores-more"].cause == "cores-more"
    (compared,) = [
        trial.expected["out"] for trial in bench.trials[2:] if trial.variation.name == "cores-more"
    ]
    assert compared == (made("bad"),)


def test_variations_that_reproduced_are_told_where_the_control_fails() -> None:
    contents = {"control": "fails", "cores+path": "good", "cores-more": "bad"}
    bench = Bench(lambda variation, count: contents[variation.name])
    found = bench.run(case(), ["cores", "path", "cores-more"])
    assert [(item.variation, item.verdict) for item in found] == [
        ("control", Verdict.FAILED),
        ("cores", Verdict.REPRODUCED),
        ("path", Verdict.REPRODUCED),
        ("cores-more", Verdict.DIFFERS),
    ]


def test_a_build_that_fails_always_is_told_once() -> None:
    bench = Bench(lambda variation, count: "fails")
    (control,) = bench.run(case(), list(VARIATIONS))
    assert (control.variation, control.verdict) == ("control", Verdict.FAILED)


def test_one_variation_has_a_control_since_the_record_may_be_from_elsewhere() -> None:
    bench = Bench(lambda variation, count: "good" if variation.cores else "bad")
    control, _ = bench.run(case(), ["cores"])
    assert (control.verdict, control.cause) == (Verdict.DIFFERS, "cores")


def needs_both(variation: Variation) -> bool:
    return bool(variation.salt) and "uid" in variation.changes


def test_variations_that_differ_together_and_not_alone_are_named_together() -> None:
    bench = Bench(lambda variation, count: "bad" if needs_both(variation) else "good")
    control, path, user, both = bench.run(case(), ["path", "user"])
    assert {item.verdict for item in (control, path, user)} == {Verdict.REPRODUCED}
    assert (both.verdict, both.variation, both.cause) == (Verdict.DIFFERS, "path+user", "path+user")
    assert "none alone: another scratch path; another build user" in both.detail
    assert bench.trials[-1].shown


def test_variations_that_differed_together_once_are_not_blamed() -> None:
    bench = Bench(lambda variation, count: "bad" if count == 2 else "good")
    *alone, both = bench.run(case(), ["path", "user"])
    assert {item.verdict for item in alone} == {Verdict.REPRODUCED}
    assert (both.verdict, both.actual, both.cause) == (Verdict.DIFFERS, made("bad"), "randomness")


def test_variations_that_fail_together_and_not_alone_are_a_failure() -> None:
    bench = Bench(lambda variation, count: "fails" if needs_both(variation) else "good")
    *alone, both = bench.run(case(), ["path", "user"])
    assert {item.verdict for item in alone} == {Verdict.REPRODUCED}
    assert (both.verdict, both.variation) == (Verdict.FAILED, "path+user")
    bench = Bench(lambda variation, count: "fails" if variation.salt else "good")
    found = bench.run(case(), ["path", "user"])
    verdicts = [Verdict.REPRODUCED, Verdict.FAILED, Verdict.REPRODUCED]
    assert [item.verdict for item in found] == verdicts, "what fails alone explains it"


def test_a_variation_is_not_blamed_for_what_chance_does_now_and_then() -> None:
    bench = Bench(lambda variation, count: "good" if count == 1 else f"bad {count}")
    found = {item.variation: item for item in bench.run(case(), ["path"])}
    assert found["control"].verdict is Verdict.REPRODUCED
    assert found["path"].cause == "randomness"


def test_what_agrees_only_while_the_clock_stands_still_depends_on_the_date() -> None:
    bench = Bench(lambda variation, count: "still" if is_still(variation) else f"at {count}")
    found = {item.variation: item for item in bench.run(case(), ["path", "date"])}
    assert found["control"].cause == "date"
    assert found["path"].verdict is Verdict.REPRODUCED, "compared with a stopped clock"
    assert found["path"].expected == made("still")
    assert found["date"].cause == "date"
    assert "date" not in {trial.variation.name for trial in bench.trials}, "the control was that"


def test_a_second_cause_is_found_beside_the_date() -> None:
    def build(variation: Variation, count: int) -> str:
        place = "there" if variation.salt else "here"
        return f"{place} still" if is_still(variation) else f"{place} {count}"

    found = {item.variation: item for item in Bench(build).run(case(), ["path", "user"])}
    assert found["path"].cause == "path"
    assert found["user"].verdict is Verdict.REPRODUCED


def test_what_never_agrees_depends_on_chance_and_nothing_is_varied_then() -> None:
    bench = Bench(lambda variation, count: f"bad {count}")
    found = {item.variation: item for item in bench.run(case(), ["path"])}
    assert found["control"].cause == "randomness"
    assert found["path"].verdict is Verdict.UNKNOWN
    assert len(bench.trials) == 3


def test_agreeing_rebuilds_of_another_object_name_no_cause() -> None:
    (finding,) = Bench(lambda variation, count: "other").run(case())
    assert finding.verdict is Verdict.DIFFERS
    assert finding.cause is None
    assert "other circumstances" in finding.detail


def test_a_variation_that_gives_the_recorded_object_is_the_cause() -> None:
    bench = Bench(lambda variation, count: "good" if variation.cores == 1 else "other")
    one = [name for name in VARIATIONS if VARIATIONS[name].cores == 1]
    if not one:
        pytest.skip("with one processor, fewer cannot be asked for")
    found = {item.variation: item for item in bench.run(case(), one)}
    assert found["control"].cause == one[0]


def test_records_that_disagree_are_a_difference_even_when_one_comes_out_again() -> None:
    (finding,) = Bench(lambda variation, count: "good").run(case("good", "bad"))
    assert finding.verdict is Verdict.DIFFERS
    assert (finding.expected, finding.actual) == (made("bad"), made("good"))


def test_a_control_that_fails_ends_the_examination() -> None:
    bench = Bench(lambda variation, count: "fails")
    (finding,) = bench.run(case(), ["path"])
    assert finding.verdict is Verdict.FAILED
    assert "exit status 1" in finding.detail
    assert len(bench.trials) == 1


def test_a_clock_that_cannot_be_stopped_leaves_the_cause_open() -> None:
    bench = Bench(lambda variation, count: "fails" if is_still(variation) else f"at {count}")
    found = {item.variation: item for item in bench.run(case(), ["user"])}
    assert found["control"].verdict is Verdict.DIFFERS
    assert found["control"].cause is None
    assert "stopped clock" in found["control"].detail
    assert found["user"].verdict is Verdict.UNKNOWN


def test_outputs_beside_a_random_one_are_varied_all_the_same() -> None:
    asked = Case("toy", b"k" * 32, {"lib": (made("good"),), "out": (made("good"),)}, 1000)
    steps = examine(asked, [VARIATIONS["path"]])
    trials, count = next(steps), 0
    found: list[AuditFinding] = []
    while not found:
        outcomes = []
        for _ in trials:
            count += 1
            outcomes.append(TrialOutcome(1.0, {"lib": made(f"bad {count}"), "out": made("good")}))
        try:
            trials = steps.send(outcomes)
        except StopIteration as end:
            found = end.value
    verdicts = {(item.output, item.variation): item.verdict for item in found}
    assert verdicts == {
        ("lib", "control"): Verdict.DIFFERS,
        ("out", "control"): Verdict.REPRODUCED,
        ("lib", "path"): Verdict.UNKNOWN,
        ("out", "path"): Verdict.REPRODUCED,
    }


def stopped(bench: Bench, asked: Case, variations: Sequence[str], after: int) -> list[AuditFinding]:
    """The findings of an examination that is interrupted after so many rebuilds."""
    steps = examine(asked, [VARIATIONS[name] for name in variations])
    trials = next(steps)
    while True:
        ended = [bench.outcome(trial) for trial in trials[: after - len(bench.trials)]]
        if len(ended) < len(trials):
            return cut_short(steps, trials, dict(enumerate(ended)))
        trials = steps.send(ended)


def test_a_control_that_differs_is_reported_when_its_cause_is_not_looked_for_any_more() -> None:
    for after in (1, 2):
        bench = Bench(lambda variation, count: f"bad {count}")
        control, path = stopped(bench, case(), ["path"], after)
        assert (control.verdict, control.cause) == (Verdict.DIFFERS, None)
        assert control.detail == "the cause is unknown: the audit was interrupted"
        assert path.verdict is Verdict.UNKNOWN
        assert len(bench.trials) == after


def test_a_variation_that_did_not_end_is_unknown_and_the_others_stay() -> None:
    bench = Bench(lambda variation, count: "bad" if "uid" in variation.changes else "good")
    control, path, user, both = stopped(bench, case(), ["path", "user"], 3)
    assert (control.verdict, path.verdict) == (Verdict.REPRODUCED, Verdict.REPRODUCED)
    assert (user.verdict, user.detail) == (Verdict.UNKNOWN, "the audit was interrupted")
    assert (both.verdict, both.variation, both.cause) == (Verdict.DIFFERS, "path+user", None)


def test_variations_of_a_build_that_did_not_end_are_unknown() -> None:
    bench = Bench(lambda variation, count: "good")
    control, path, user = stopped(bench, case(), ["path", "user"], 1)
    assert control.verdict is Verdict.REPRODUCED
    assert (path.verdict, user.verdict) == (Verdict.UNKNOWN, Verdict.UNKNOWN)


def test_builds_that_ended_before_there_was_a_control_are_reported() -> None:
    bench = Bench(lambda variation, count: "bad" if variation.cores == 1 else "good")
    names = ["cores-more", "date", "cores", "path"]
    found = stopped(bench, case(), names, 1)
    assert [(item.variation, item.verdict) for item in found] == [
        ("control", Verdict.UNKNOWN),
        ("cores-more", Verdict.REPRODUCED),
        ("date", Verdict.REPRODUCED),
        ("path", Verdict.REPRODUCED),
        ("cores", Verdict.UNKNOWN),
    ]
    contents = {"cores-more+date+path": "bad", "cores": "good"}
    bench = Bench(lambda variation, count: contents[variation.name])
    found = stopped(bench, case(), names, 2)
    assert [(item.variation, item.verdict, item.cause) for item in found] == [
        ("control", Verdict.UNKNOWN, None),
        ("cores-more+date+path", Verdict.DIFFERS, None),
        ("cores", Verdict.REPRODUCED, None),
    ]


def test_without_the_rebuild_that_excludes_chance_no_variation_is_blamed() -> None:
    bench = Bench(lambda variation, count: "bad" if variation.name == "path" else "good")
    _, path = stopped(bench, case(), ["path"], 2)
    assert (path.verdict, path.cause) == (Verdict.DIFFERS, None)
