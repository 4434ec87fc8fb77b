"""Which objects are believed by the statements in caches: k of n keys, and nobody against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from store.cache.folder_place import FolderPlace
from store.cache.offering import StatementFile
from store.cache.static_cache import StaticCache
from store.model.derivation import Derivation
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.model.verdict import AuditFinding, Verdict
from store.signing import envelope, statement, verdicts
from store.signing.keys import PrivateKey
from store.substitute.candidates import (
    BelievedNode,
    Candidate,
    Dispute,
    StatementReading,
    TrustedCache,
    WantedNode,
)

ANNE, BERT, EVE = (
    PrivateKey(bytes([n]) * 32, name) for n, name in ((1, "anne"), (2, "bert"), (3, "eve"))
)
HELLO = Derivation("hello", "x86_64-linux", "/bin/sh", outputs=("out", "doc"))
BUILD = HELLO.resolve({})
OUT, DOC = ObjectId(b"\1" * 20, "hello"), ObjectId(b"\2" * 20, "hello-doc")
OTHER = ObjectId(b"\3" * 20, "hello")
BY_NODE = WantedNode(HELLO.digest, "hello", ("out", "doc"))
BY_KEY = BY_NODE._replace(key=BUILD.digest)
TREE = b"\7" * 32


def record(output: str, oid: ObjectId, started: int = 1_700_000_000) -> Realisation:
    return Realisation(BUILD.digest, output, oid, "", "", "full", b"\5" * 32, started, 1500)


def said(
    *keys: PrivateKey, out: ObjectId = OUT, started: int = 1_700_000_000, doc: ObjectId = DOC
) -> list[bytes]:
    """The statements by which these keys say that both outputs are such objects."""
    records = record("out", out, started), record("doc", doc, started)
    told = (statement.outcome(HELLO.digest, "hello", each, TREE) for each in records)
    return [envelope.seal(payload, keys).encode() for payload in told]


def cache(*, threshold: int = 1, name: str = "/srv/a") -> TrustedCache:
    offers = StaticCache(FolderPlace(name))
    return TrustedCache(offers, (ANNE.public, BERT.public), threshold)


def heard(
    *given: tuple[Sequence[bytes], TrustedCache], wanted: WantedNode = BY_NODE
) -> tuple[Candidate, StatementReading]:
    candidate, reading = Candidate(wanted), StatementReading()
    for lines, place in given:
        reading.hear(candidate, [StatementFile("file", b"\n".join(lines) + b"\n")], place)
    return candidate, reading


def judged(
    *lines: bytes, wanted: WantedNode = BY_NODE, threshold: int | None = None
) -> BelievedNode | Dispute | None:
    return heard((lines, cache()), wanted=wanted)[0].judge(threshold)


@pytest.mark.parametrize("wanted", [BY_NODE, BY_KEY])
def test_one_trusted_key_is_believed_of_both_outputs(wanted: WantedNode) -> None:
    found = judged(*said(ANNE), wanted=wanted)
    assert isinstance(found, BelievedNode)
    assert (found.node, found.key, found.places) == (HELLO.digest, BUILD.digest, ("/srv/a",))
    told = {output: each.record.object for output, each in found.outputs.items()}
    assert told == {"out": OUT, "doc": DOC}
    assert {each.signers for each in found.outputs.values()} == {(str(ANNE.public),)}
    assert {each.tree for each in found.outputs.values()} == {TREE}


def test_the_builds_own_statement_serves_by_key_and_not_by_derivation() -> None:
    payloads = [
        statement.provenance(each, BUILD, ANNE.public, TREE)
        for each in (record("out", OUT), record("doc", DOC))
    ]
    lines = [envelope.seal(payload, [ANNE]).encode() for payload in payloads]
    assert isinstance(judged(*lines, wanted=BY_KEY), BelievedNode)
    candidate, reading = heard((lines, cache()))
    assert candidate.judge(None) is None
    assert reading.counts == {"unreadable": 2}


def test_of_a_threshold_each_key_counts_once() -> None:
    twice = [*said(ANNE), *said(ANNE, started=1_800_000_000)]
    assert judged(*twice, threshold=2) is None
    found = judged(*twice, *said(BERT), threshold=2)
    assert isinstance(found, BelievedNode)
    assert found.outputs["out"].signers == (str(ANNE.public), str(BERT.public))


def test_keys_agree_over_all_caches() -> None:
    one, two = cache(threshold=2), cache(threshold=2, name="/srv/b")
    candidate, _ = heard((said(ANNE), one), (said(BERT), two))
    found = candidate.judge(None)
    assert isinstance(found, BelievedNode)
    assert found.places == ("/srv/a", "/srv/b")
    assert heard((said(ANNE), one), (said(ANNE), two))[0].judge(None) is None


def test_the_threshold_of_a_run_is_that_of_each_cache() -> None:
    one, own = cache(threshold=2), cache(threshold=1, name="/srv/own")
    assert heard((said(ANNE), one))[0].judge(None) is None
    assert isinstance(heard((said(ANNE), one))[0].judge(1), BelievedNode)
    assert isinstance(heard((said(ANNE), one), (said(BERT), own))[0].judge(None), BelievedNode)
    assert isinstance(heard((said(ANNE), own))[0].judge(None), BelievedNode)


def test_one_trusted_key_against_any_number_is_a_dispute() -> None:
    found = judged(*said(ANNE), *said(BERT, out=OTHER))
    assert found == Dispute(HELLO.digest, "hello", "out", ((OUT, ("anne",)), (OTHER, ("bert",))))


def test_an_auditor_that_saw_another_object_is_a_dispute() -> None:
    finding = AuditFinding(
        "hello", "out", "rebuild", Verdict.DIFFERS, expected=OUT, actual=OTHER, key=BUILD.digest
    )
    payload = verdicts.verdict(finding)
    assert payload is not None
    lines = [*said(ANNE), envelope.seal(payload, [BERT]).encode()]
    assert isinstance(judged(*lines, wanted=BY_KEY), Dispute)


def test_outputs_are_all_of_one_build() -> None:
    first, second = said(ANNE), said(ANNE, started=1_800_000_000)
    assert judged(first[0], second[1]) is None
    assert judged(first[0]) is None
    assert isinstance(judged(first[0], *second), BelievedNode)


@pytest.mark.parametrize("wanted", [BY_NODE, BY_KEY])
def test_statements_of_another_node_count_nothing(wanted: WantedNode) -> None:
    other = replace(HELLO, args=("other",))
    elsewhere = WantedNode(
        other.digest, "hello", ("out", "doc"), other.resolve({}).digest if wanted.key else None
    )
    assert judged(*said(ANNE), wanted=elsewhere) is None
    assert judged(*said(ANNE), wanted=wanted._replace(name="simple")) is None
    assert judged(*said(ANNE), wanted=wanted._replace(outputs=("out", "lib"))) is None


def test_lines_that_count_nothing_are_counted_and_named_once() -> None:
    good = said(ANNE)
    wrong = good[0].replace(b'"sig":"', b'"sig":"AAAA').replace(b'=="}', b'"}')
    lines = [*said(EVE), *said(EVE), b"{}", b"x", wrong, b"", *good]
    candidate, reading = heard((lines, cache()))
    assert isinstance(candidate.judge(None), BelievedNode)
    assert reading.counts["untrusted"] == 4
    assert reading.counts["unreadable"] + reading.counts["invalid"] == 3
    assert reading.example["untrusted"] == "file: signed by no key that counts for this cache"


def test_a_signature_of_a_trusted_key_that_is_wrong_is_named() -> None:
    line = said(ANNE)[0]
    other = said(ANNE, out=OTHER)[0]
    payload = line.partition(b'"payload":"')[2].partition(b'"')[0]
    forged = other.replace(other.partition(b'"payload":"')[2].partition(b'"')[0], payload)
    candidate, reading = heard(([forged], cache()))
    assert candidate.judge(None) is None
    assert reading.counts == {"invalid": 1}
