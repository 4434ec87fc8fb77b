"""Statements of findings: every member where the page says, and which objects they claim."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from store.errors import FormatError
from store.model.verdict import AuditFinding, Difference, Verdict
from store.signing import claims as reading
from store.signing import verdicts
from store.signing.claims import Claim
from tests.unit.signing.test_statement import MADE, NODE, OTHER, places
from tests.unit.signing.test_strict import ANY_JSON


def finding(verdict: Verdict, **fields: Any) -> AuditFinding:
    given: dict[str, Any] = {"expected": MADE, "actual": OTHER, "key": NODE.digest}
    return AuditFinding("stage1.hello", "out", "rebuild", verdict, **given | fields)


def test_a_verdict_names_both_objects_and_what_differs_but_no_path_of_this_machine() -> None:
    differences = tuple(Difference(f"lib/{n}", "content", n, ".text") for n in range(250))
    differing = finding(
        Verdict.DIFFERS, cause="time", differences=differences, logs=("/secret/log",)
    )
    payload = verdicts.verdict(differing)
    assert payload is not None
    record = json.loads(payload)
    assert record["predicateType"] == "urn:fixpoint:verdict:v1"
    assert record["subject"][0]["name"] == MADE.path
    assert record["predicate"]["actual"]["name"] == OTHER.path
    assert record["predicate"]["verdict"] == "differs"
    assert record["predicate"]["cause"] == "time"
    assert record["predicate"]["moreDifferences"] == 50
    assert record["predicate"]["differences"][3]["place"] == ".text"
    assert b"/secret" not in payload


def test_a_rebuild_that_differs_claims_both_objects() -> None:
    payload = verdicts.verdict(finding(Verdict.DIFFERS))
    assert payload is not None
    assert reading.claims(payload) == (
        Claim(NODE.digest, "out", MADE),
        Claim(NODE.digest, "out", OTHER),
    )


def test_a_rebuild_that_failed_claims_that_it_did() -> None:
    payload = verdicts.verdict(finding(Verdict.FAILED, actual=None, detail="exit status 1"))
    assert payload is not None
    assert reading.claims(payload) == (Claim(NODE.digest, "out", None),)


def test_a_rebuild_that_agrees_claims_the_object() -> None:
    payload = verdicts.verdict(finding(Verdict.REPRODUCED, actual=MADE))
    assert payload is not None
    assert reading.claims(payload) == (Claim(NODE.digest, "out", MADE),)


def test_other_checks_bear_on_no_key() -> None:
    comparing = AuditFinding("a", "out", "stages", Verdict.DIFFERS, MADE, OTHER, NODE.digest)
    payload = verdicts.verdict(comparing)
    assert payload is not None
    assert reading.claims(payload) == ()


def test_a_finding_without_an_object_or_a_verdict_is_not_signed() -> None:
    assert verdicts.verdict(finding(Verdict.FAILED, expected=None)) is None
    assert verdicts.verdict(finding(Verdict.UNKNOWN)) is None


VERDICT_RECORD = json.loads(verdicts.verdict(finding(Verdict.DIFFERS)) or b"")


@given(data=st.data())
def test_any_member_replaced_by_anything_raises_nothing_but_a_format_error(
    data: st.DataObject,
) -> None:
    record = copy.deepcopy(VERDICT_RECORD)
    *above, last = data.draw(st.sampled_from(places(record)[1:]))
    target = record
    for step in above:
        target = target[step]
    target[last] = data.draw(ANY_JSON)
    try:
        found = reading.claims(json.dumps(record).encode())
    except FormatError:
        return
    assert all(type(claim) is Claim for claim in found)
