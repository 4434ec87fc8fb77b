"""A journal of an audit: its subjects are not examined again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from store.audit.journal import RebuildJournal
from store.audit.outcomes import Case
from store.audit.rebuild import Auditor, RebuildOptions
from store.audit.subjects import AuditSubject
from store.errors import UsageError
from store.local.store import Store
from store.model.derivation import Derivation
from store.model.names import ObjectId
from store.model.verdict import AuditFinding, Difference, Verdict
from store.sandbox.variation import CONTROL, VARIATIONS

KEY = b"k" * 32
MADE = ObjectId.parse("0" * 32 + "-pair")
OTHER = ObjectId.parse("1" * 32 + "-pair")
DATE, PATH = VARIATIONS["date"], VARIATIONS["path"]
OPTIONS = RebuildOptions(jobs=1, cores=1)


def subject(kind: str = "build", *, made: ObjectId = MADE, **other: str) -> AuditSubject:
    recorded = {"out": (made,), **dict.fromkeys(other, (made,))}
    value = Derivation("pair", "s", "/b").resolve({})
    return AuditSubject(kind, KEY, value, (), Case("pair", KEY, recorded, 1))


def finding(variation: str | None = CONTROL.name, output: str = "out") -> AuditFinding:
    return AuditFinding(
        "pair",
        output,
        "rebuild",
        Verdict.REPRODUCED,
        expected=MADE,
        actual=MADE,
        key=KEY,
        variation=variation,
        seconds=1.5,
    )


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "journal")


def test_a_journal_has_what_another_noted(place: str) -> None:
    assert RebuildJournal(place).known(subject(), []) is None
    noted = [
        finding(),
        replace(
            finding("date"),
            verdict=Verdict.DIFFERS,
            cause="date",
            differences=(Difference("a", "content", 3),),
            logs=("/a/log",),
        ),
    ]
    RebuildJournal(place).note(noted)
    assert RebuildJournal(place).known(subject(), [DATE]) == noted
    assert RebuildJournal(place).known(subject(), []) == noted[:1]


def test_a_subject_is_known_with_all_outputs_and_variations_alone(place: str) -> None:
    RebuildJournal(place).note([finding(), finding("date")])
    journal = RebuildJournal(place)
    assert journal.known(subject(), [DATE, PATH]) is None
    assert journal.known(subject(lib="1"), [DATE]) is None
    journal.note([finding("path")])
    assert RebuildJournal(place).known(subject(), [DATE, PATH]) is not None


def test_variations_that_reproduced_in_several_builds_need_no_control(place: str) -> None:
    both = [VARIATIONS["cores"], VARIATIONS["cores-more"]]
    noted = [finding(item.name) for item in both]
    RebuildJournal(place).note(noted)
    journal = RebuildJournal(place)
    assert journal.known(subject(), both) == noted
    assert journal.known(subject(), both[:1]) is None, "one alone has a control"
    assert journal.known(subject(made=OTHER), both) is None, "compared with another object"
    RebuildJournal(place).note([replace(noted[0], verdict=Verdict.DIFFERS)])
    assert RebuildJournal(place).known(subject(), both) is None, "the control was not noted"


def test_an_old_control_or_joint_build_does_not_count_after_a_new_examination(place: str) -> None:
    both = [VARIATIONS["cores"], VARIATIONS["cores-more"]]
    old = [finding(), *(finding(item.name) for item in both), finding("cores+path")]
    RebuildJournal(place).note([replace(item, expected=OTHER) for item in old])
    new = [finding(item.name) for item in (*both, PATH)]
    RebuildJournal(place).note(new)
    assert RebuildJournal(place).known(subject(), [*both, PATH]) == new


def test_a_control_that_differs_is_not_left_out(place: str) -> None:
    both = [VARIATIONS["cores"], VARIATIONS["cores-more"]]
    control = replace(finding(), verdict=Verdict.DIFFERS, actual=OTHER, cause="date")
    noted = [control, *(finding(item.name) for item in both)]  # reproduced at a fixed time
    RebuildJournal(place).note(noted)
    assert RebuildJournal(place).known(subject(), both) == noted
    RebuildJournal(place).note([replace(control, verdict=Verdict.FAILED)])
    assert RebuildJournal(place).known(subject(), both) == noted[1:]
    RebuildJournal(place).note([replace(control, expected=OTHER)])
    assert RebuildJournal(place).known(subject(), both) == noted[1:]


def test_a_rebuild_that_failed_is_made_again(place: str) -> None:
    RebuildJournal(place).note([finding(), replace(finding("date"), verdict=Verdict.FAILED)])
    assert RebuildJournal(place).known(subject(), [DATE]) is None
    RebuildJournal(place).note([finding("date")])
    assert RebuildJournal(place).known(subject(), [DATE]) is not None


def test_what_variations_did_together_is_noted_too(place: str) -> None:
    alone = [finding(), finding("path"), finding("date")]
    both = replace(finding("path+date"), verdict=Verdict.DIFFERS, cause="path+date")
    RebuildJournal(place).note([*alone, both])
    assert RebuildJournal(place).known(subject(), [PATH, DATE]) == [*alone, both]
    assert RebuildJournal(place).known(subject(), [PATH]) == alone[:2]
    RebuildJournal(place).note([*alone, replace(both, verdict=Verdict.FAILED)])
    assert RebuildJournal(place).known(subject(), [PATH, DATE]) is None
    RebuildJournal(place).note(alone)
    assert RebuildJournal(place).known(subject(), [PATH, DATE]) == alone


def test_another_record_is_compared_anew(place: str) -> None:
    RebuildJournal(place).note([finding()])
    assert RebuildJournal(place).known(subject(made=OTHER), []) is None
    other = replace(subject(), case=replace(subject().case, key=b"o" * 32))
    assert RebuildJournal(place).known(other, []) is None


def test_a_file_and_an_unpacking_are_known_without_variations(place: str) -> None:
    RebuildJournal(place).note([finding()])
    assert RebuildJournal(place).known(subject("unpack"), [DATE]) is not None
    assert RebuildJournal(place).known(subject("fetch"), [DATE]) is None
    RebuildJournal(place).note([finding(None)])
    assert RebuildJournal(place).known(subject("fetch"), [DATE]) is not None


def test_a_line_that_was_cut_off_counts_for_nothing(place: str) -> None:
    RebuildJournal(place).note([finding(), finding("date")])
    data = Path(place).read_bytes()
    Path(place).write_bytes(data[:-20])
    journal = RebuildJournal(place)
    assert journal.known(subject(), []) and journal.known(subject(), [DATE]) is None
    journal.note([finding("date")])
    assert Path(place).read_bytes() == data


@pytest.mark.parametrize("text", ["note\n", "{}\n", "[]\n", '{"verdict": "x"}\n'])
def test_a_file_of_something_else_is_refused_and_left_alone(place: str, text: str) -> None:
    Path(place).write_text(text)
    with pytest.raises(UsageError, match="is no journal of an audit: line 1"):
        RebuildJournal(place)
    assert Path(place).read_text() == text


def test_an_audit_passes_over_what_its_journal_has(store: Store, place: str) -> None:
    RebuildJournal(place).note([finding(), finding("date")])
    auditor = Auditor(store, OPTIONS, journal=RebuildJournal(place))
    auditor.run([subject()], [DATE])
    assert auditor.findings == [finding(), finding("date")]
