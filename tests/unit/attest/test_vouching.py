"""Statements of the makers of objects: those of trusted keys count, and nothing else does."""

from __future__ import annotations

import json

import pytest

from store.attest import vouching
from store.attest.sources import SHOWN_PROBLEMS, Line
from store.attest.vouching import Reading, read_vouched
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.model.verdict import AuditFinding, Verdict
from store.signing import claims, envelope, statement, verdicts
from store.signing.keys import PrivateKey
from tests.golden.examples import RESOLVED

ANNE, BERT, CARL = (PrivateKey(bytes([n]) * 32, name) for n, name in enumerate(["a", "b", "c"]))
MADE = ObjectId(b"\1" * 20, "hello-1.0")
OTHER = ObjectId(b"\2" * 20, "hello-1.0")
TREE = b"\3" * 32


def record(oid: ObjectId) -> Realisation:
    return Realisation(RESOLVED.digest, "out", oid, "u", "h", "full", None, 1, 1)


def said(oid: ObjectId, *keys: PrivateKey) -> str:
    return envelope.seal(statement.provenance(record(oid), RESOLVED, keys[0].public, TREE), keys)


def tampered(line: str) -> str:
    """The line with another object in it, and the signatures of before."""
    found = json.loads(line)
    found["payload"] = json.loads(said(OTHER, ANNE))["payload"]
    return json.dumps(found)


def read(*lines: str, wanted: tuple[ObjectId, ...] = (MADE,)) -> Reading:
    found = [Line(f"them:{number}", line.encode()) for number, line in enumerate(lines, 1)]
    return read_vouched(found, wanted, [ANNE.public, BERT.public])


def test_a_trusted_keys_statement_counts_with_its_signers() -> None:
    reading = read(said(MADE, BERT, ANNE, CARL))
    (vouched,) = reading.vouched
    assert (vouched.record.object, vouched.record.output, vouched.tree) == (MADE, "out", TREE)
    assert vouched.signers == tuple(sorted([str(ANNE.public), str(BERT.public)]))
    assert not reading.counts
    assert not reading.problems


def test_statements_of_other_objects_count_nothing() -> None:
    reading = read(said(OTHER, ANNE))
    assert (reading.vouched, dict(reading.counts), reading.problems) == ([], {}, [])


def test_what_nobody_trusted_signed_is_counted_by_its_kind() -> None:
    reading = read(claims.plain(record(MADE)), said(MADE, CARL))
    assert reading.vouched == []
    assert dict(reading.counts) == {"unsigned": 1, "untrusted": 1}
    assert reading.problems == []


def test_a_wrong_signature_of_a_trusted_key_is_a_problem() -> None:
    reading = read(tampered(said(MADE, ANNE)), wanted=(MADE, OTHER))
    assert reading.vouched == []
    assert dict(reading.counts) == {"invalid": 1, "untrusted": 0}
    assert reading.problems == ["them:1: the signature of a trusted key is wrong"]


def test_a_verdict_is_no_word_of_a_maker() -> None:
    finding = AuditFinding(
        "hello", "out", "rebuild", Verdict.REPRODUCED, MADE, MADE, RESOLVED.digest
    )
    payload = verdicts.verdict(finding)
    assert payload is not None
    reading = read(envelope.seal(payload, [ANNE]))
    assert reading.vouched == []
    assert reading.counts["unreadable"] == 1


@pytest.mark.parametrize("line", ["{", "[]", '{"payload": 1}', "x" * 100])
def test_a_line_that_is_none_is_counted_and_named(line: str) -> None:
    reading = read("{}", line, said(MADE, ANNE))
    assert len(reading.vouched) == 1
    assert reading.counts["unreadable"] == 1
    assert reading.problems[0].startswith("them:2: ")


def test_another_kind_of_document_of_a_trusted_key_is_a_problem() -> None:
    reading = read(envelope.seal(b"{}", [ANNE], "text/plain"))
    assert reading.problems == ["them:1: signed by a trusted key, but no in-toto statement"]


def test_only_the_first_problems_are_shown_and_all_are_counted() -> None:
    reading = read(*["{"] * (SHOWN_PROBLEMS + 5))
    assert len(reading.problems) == SHOWN_PROBLEMS
    assert reading.counts["unreadable"] == SHOWN_PROBLEMS + 5


def test_one_object_has_no_end_of_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vouching, "OBJECT_LIMIT", 2)
    reading = read(*[said(MADE, ANNE)] * 3, *[said(OTHER, ANNE)] * 2, wanted=(MADE, OTHER))
    assert [each.record.object for each in reading.vouched] == [MADE, MADE, OTHER, OTHER]
