"""Statements: every member where the formats say, and nothing read that was not written so."""

from __future__ import annotations

import contextlib
import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import FormatError
from store.model.derivation import Resolved
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.signing import claims as reading
from store.signing import statement
from store.signing.claims import Claim
from store.signing.keys import PrivateKey
from tests.unit.signing.test_strict import ANY_JSON

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
DERIVATION = b"\x08" * 32


def provenance(**changes: Any) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(statement.provenance(RECORD, NODE, SIGNER, TREE))
    return record | changes


def claims(record: dict[str, Any]) -> tuple[Claim, ...]:
    return reading.claims(json.dumps(record).encode())


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


def outcome(**changes: Any) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(statement.outcome(DERIVATION, "hello", RECORD, TREE))
    return record | changes


def read(record: dict[str, Any]) -> statement.Outcome:
    return statement.read_outcome(json.dumps(record).encode())


def test_an_outcome_has_the_committed_bytes() -> None:
    committed = (Path(__file__).parents[2] / "golden" / "outcome.json").read_bytes()
    assert statement.outcome(DERIVATION, "hello", RECORD, TREE) + b"\n" == committed


def test_an_outcome_is_read_back_without_the_user_and_the_machine() -> None:
    told = replace(RECORD, builder="", host="")
    assert read(outcome()) == statement.Outcome(DERIVATION, "hello", told, TREE)
    quiet = replace(told, log=None)
    payload = statement.outcome(DERIVATION, "hello", quiet, TREE)
    assert statement.read_outcome(payload).record == quiet


@pytest.mark.parametrize("member", ["derivation", "name", "output", "key", "startedOn"])
@pytest.mark.parametrize("value", [None, 7, "", "00", "/", "x" * 2000])
def test_an_outcome_with_another_member_is_refused(member: str, value: object) -> None:
    record = outcome()
    record["predicate"][member] = value
    with pytest.raises(FormatError):
        read(record)


def test_an_outcome_names_the_tree_of_its_object() -> None:
    record = outcome()
    del record["subject"][0]["digest"]["fixpointTree"]
    with pytest.raises(FormatError, match="without the digest of its tree"):
        read(record)


def test_a_build_is_no_outcome() -> None:
    with pytest.raises(FormatError):
        read(provenance())


def test_an_outcome_says_of_its_key_what_the_builds_statement_says() -> None:
    payload = json.dumps(outcome()).encode()
    assert claims(outcome()) == claims(provenance())
    assert statement.recorded(payload) == statement.recorded(json.dumps(provenance()).encode())


@pytest.mark.parametrize("original", [provenance(), outcome()])
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
    for reader in (claims, read):
        with contextlib.suppress(FormatError):
            reader(record)


def test_an_unsigned_line_says_key_output_and_path() -> None:
    line = json.loads(reading.plain(RECORD))
    assert line == {"key": NODE.digest.hex(), "output": "out", "path": MADE.path}
    assert reading.plain_claim(line) == Claim(NODE.digest, "out", MADE)
