"""Statements: every member where the formats say, and nothing read that was not written so."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.attest import statement
from store.attest.signing import PrivateKey
from store.attest.statement import Claim
from store.errors import FormatError
from store.model.derivation import Resolved
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.model.verdict import AuditFinding, Difference, Verdict
from tests.unit.attest.test_strict import ANY_JSON

ROOT = ObjectId(b"\1" * 20, "root")
INPUT = ObjectId(b"\2" * 20, "input")
MADE = ObjectId(b"\3" * 20, "hello")
OTHER = ObjectId(b"\4" * 20, "hello")
NODE = Resolved("hello", "x86_64-linux", "/bin/sh", rootfs=ROOT, inputs=(INPUT,))
RECORD = Realisation(
    NODE.digest, "out", MADE, "user", "machine", "full", b"\5" * 32, 1_700_000_000, 1500
)
SIGNER = PrivateKey(b"\6" * 32, "anne").public
TREE = b"\7" * 32


def provenance(**changes: Any) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(statement.provenance(RECORD, NODE, SIGNER, TREE))
    return record | changes


def finding(verdict: Verdict, **fields: Any) -> AuditFinding:
    given: dict[str, Any] = {"expected": MADE, "actual": OTHER, "key": NODE.digest}
    return AuditFinding("stage1.hello", "out", "rebuild", verdict, **given | fields)


def claims(record: dict[str, Any]) -> tuple[Claim, ...]:
    return statement.claims(json.dumps(record).encode())


def test_a_build_is_an_in_toto_statement_with_slsa_provenance() -> None:
    record = provenance()
    assert record["_type"] == "https://in-toto.io/Statement/v1"
    assert record["predicateType"] == "https://slsa.dev/provenance/v1"
    assert record["subject"] == [
        {"name": MADE.path, "digest": {"fixpointObject": "03" * 20, "fixpointTree": "07" * 32}}
    ]
    assert record["predicate"]["buildDefinition"] == {
        "buildType": "urn:fixpoint:resolved-derivation:v1",
        "externalParameters": {
            "derivation": "hello",
            "system": "x86_64-linux",
            "key": NODE.digest.hex(),
            "output": "out",
        },
        "resolvedDependencies": [
            {"name": ROOT.path, "digest": {"fixpointObject": "01" * 20}},
            {"name": INPUT.path, "digest": {"fixpointObject": "02" * 20}},
        ],
    }
    assert record["predicate"]["runDetails"] == {
        "builder": {"id": f"urn:fixpoint:key:{SIGNER.id}"},
        "metadata": {
            "invocationId": RECORD.digest().hex(),
            "startedOn": "2023-11-14T22:13:20Z",
            "finishedOn": "2023-11-14T22:13:21.500Z",
            "fixpoint_sandbox": "full",
        },
        "byproducts": [{"name": "log", "digest": {"blake3": "05" * 32}}],
    }


def test_neither_the_user_nor_the_machine_is_named() -> None:
    payload = statement.provenance(RECORD, NODE, SIGNER)
    assert b"machine" not in payload
    assert b"user" not in payload


def test_a_build_claims_its_object() -> None:
    assert claims(provenance()) == (Claim(NODE.digest, "out", MADE, TREE),)


def test_a_verdict_names_both_objects_and_what_differs_but_no_path_of_this_machine() -> None:
    differences = tuple(Difference(f"lib/{n}", "content", n, ".text") for n in range(250))
    differing = finding(
        Verdict.DIFFERS, cause="time", differences=differences, logs=("/secret/log",)
    )
    payload = statement.verdict(differing)
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
    payload = statement.verdict(finding(Verdict.DIFFERS))
    assert payload is not None
    assert statement.claims(payload) == (
        Claim(NODE.digest, "out", MADE),
        Claim(NODE.digest, "out", OTHER),
    )


def test_a_rebuild_that_failed_claims_that_it_did() -> None:
    payload = statement.verdict(finding(Verdict.FAILED, actual=None, detail="exit status 1"))
    assert payload is not None
    assert statement.claims(payload) == (Claim(NODE.digest, "out", None),)


def test_a_rebuild_that_agrees_claims_the_object() -> None:
    payload = statement.verdict(finding(Verdict.REPRODUCED, actual=MADE))
    assert payload is not None
    assert statement.claims(payload) == (Claim(NODE.digest, "out", MADE),)


def test_other_checks_bear_on_no_key() -> None:
    comparing = AuditFinding("a", "out", "stages", Verdict.DIFFERS, MADE, OTHER, NODE.digest)
    payload = statement.verdict(comparing)
    assert payload is not None
    assert statement.claims(payload) == ()


def test_a_finding_without_an_object_or_a_verdict_is_not_signed() -> None:
    assert statement.verdict(finding(Verdict.FAILED, expected=None)) is None
    assert statement.verdict(finding(Verdict.UNKNOWN)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"predicateType": "https://slsa.dev/provenance/v0.2"},
        {"subject": []},
        {"subject": provenance()["subject"] * 2},
        {"subject": [{"name": MADE.path, "digest": {"sha256": "0" * 64}}]},
        {"subject": [{"name": MADE.path, "digest": {"fixpointObject": "04" * 20}}]},
        {"subject": [{"name": "/etc/passwd", "digest": {"fixpointObject": "03" * 20}}]},
        {"predicate": []},
        {"predicate": {}},
    ],
)
def test_another_statement_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        claims(provenance(**change))


@pytest.mark.parametrize(
    ("member", "value"),
    [("key", "0" * 63), ("key", "A" * 64), ("key", 7), ("output", "../x"), ("output", None)],
)
def test_a_key_and_an_output_are_what_they_must_be(member: str, value: object) -> None:
    record = provenance()
    record["predicate"]["buildDefinition"]["externalParameters"][member] = value
    with pytest.raises(FormatError):
        claims(record)


def test_another_kind_of_build_is_refused() -> None:
    record = provenance()
    record["predicate"]["buildDefinition"]["buildType"] = "https://example.com/build"
    with pytest.raises(FormatError, match="another type"):
        claims(record)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    found = [path]
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            found += places(value[key], (*path, key))
    return found


VERDICT_RECORD = json.loads(statement.verdict(finding(Verdict.DIFFERS)) or b"")


@pytest.mark.parametrize("original", [provenance(), VERDICT_RECORD])
@settings(deadline=None)
@given(data=st.data())
def test_any_member_replaced_by_anything_raises_nothing_but_a_format_error(
    original: dict[str, Any], data: st.DataObject
) -> None:
    record = copy.deepcopy(original)
    *above, last = data.draw(st.sampled_from(places(record)[1:]))
    target = record
    for step in above:
        target = target[step]
    target[last] = data.draw(ANY_JSON)
    try:
        found = claims(record)
    except FormatError:
        return
    assert all(type(claim) is Claim for claim in found)


def test_an_unsigned_line_says_key_output_and_path() -> None:
    line = json.loads(statement.plain(RECORD))
    assert line == {"key": NODE.digest.hex(), "output": "out", "path": MADE.path}
    assert statement.plain_claim(line) == Claim(NODE.digest, "out", MADE)
