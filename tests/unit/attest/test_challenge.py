"""Agreement with the word of others: thresholds, tampering, and statements that count nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.attest.challenge import (
    OBJECTS_LIMIT,
    ChallengeSubject,
    Evidence,
    compare,
    every_subject,
    read_evidence,
)
from store.attest.sources import Line
from store.local.store import Store
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.model.result import Made, Result
from store.model.verdict import AuditFinding, Verdict
from store.objects.ingest import ingest
from store.signing import claims, envelope, statement, verdicts
from store.signing.keys import PrivateKey, PublicKey
from tests.golden.examples import DERIVATION, RESOLVED, SOURCE

ANNE, BERT, CARL = (PrivateKey(bytes([n]) * 32, name) for n, name in enumerate(["a", "b", "c"]))
KEY = RESOLVED.digest
PLACE = (KEY, "out")
OTHER = ObjectId(b"\7" * 20, "hello-1.0")


def realise(store: Store, content: str, started: int = 1) -> ObjectId:
    path = f"{store.layout.tmp}/made"
    Path(path).write_text(content)
    manifest = ingest(store.layout.root, path, "hello-1.0")
    os.unlink(path)
    made = Made("out", manifest.id, (), False, manifest.size)
    store.realisations.record_nodes(RESOLVED)
    store.realisations.register(
        DERIVATION.digest, KEY, RESOLVED, Result((made,), "full", started, 1.0)
    )
    return manifest.id


def build(oid: ObjectId, *keys: PrivateKey, tree: bytes | None = None) -> str:
    record = Realisation(KEY, "out", oid, "u", "h", "full", None, 1, 1)
    return envelope.seal(statement.provenance(record, RESOLVED, keys[0].public, tree), keys)


def plain(oid: ObjectId) -> str:
    return claims.plain(Realisation(KEY, "out", oid, "u", "h", "full", None, 1, 1))


def rebuilt(verdict: Verdict, expected: ObjectId, actual: ObjectId | None, key: PrivateKey) -> str:
    finding = AuditFinding("hello", "out", "rebuild", verdict, expected, actual, KEY)
    payload = verdicts.verdict(finding)
    assert payload is not None
    return envelope.seal(payload, [key])


def evidence(
    *lines: str, trusted: Iterable[PrivateKey] = (ANNE, BERT, CARL), signed_only: bool = False
) -> Evidence:
    given = [Line(f"a:{number}", line.encode()) for number, line in enumerate(lines, 1)]
    keys = [key.public for key in trusted]
    return read_evidence(given, {PLACE}, keys, signed_only=signed_only)


def judge(store: Store, *lines: str, threshold: int | None = None, **options: Any) -> AuditFinding:
    found = evidence(*lines, signed_only=threshold is not None, **options)
    (finding,) = compare(store, every_subject(store), found, threshold)
    return finding


def test_what_was_built_is_compared_and_what_was_fetched_is_not(store: Store) -> None:
    realise(store, "a")
    path = f"{store.layout.tmp}/source"
    Path(path).write_text("source")
    manifest = ingest(store.layout.root, path, SOURCE.name)
    made = Made("out", manifest.id, (), False, 1)
    store.realisations.record_nodes(SOURCE)
    store.realisations.register(
        SOURCE.digest, SOURCE.digest, SOURCE, Result((made,), "fetch", 1, 1.0)
    )
    assert every_subject(store) == [ChallengeSubject("hello-1.0", KEY, "out")]


def test_nobodys_word_is_unknown(store: Store) -> None:
    ours = realise(store, "a")
    finding = judge(store)
    assert finding.verdict is Verdict.UNKNOWN
    assert (finding.expected, finding.actual, finding.key) == (ours, None, KEY)


def test_agreement_is_reproduced_and_disagreement_differs(store: Store) -> None:
    ours = realise(store, "a")
    agreed = judge(store, build(ours, ANNE))
    assert (agreed.verdict, agreed.actual, agreed.detail) == (Verdict.REPRODUCED, ours, "by a")
    disagreed = judge(store, build(OTHER, ANNE))
    assert (disagreed.verdict, disagreed.actual) == (Verdict.DIFFERS, OTHER)
    assert disagreed.detail == f"{OTHER.text} by a"


def test_a_signed_disagreement_shows_however_many_agree(store: Store) -> None:
    ours = realise(store, "a")
    lines = [build(ours, ANNE), build(ours, BERT), build(OTHER, CARL)]
    for threshold in (None, 1, 2):
        finding = judge(store, *lines, threshold=threshold)
        assert finding.verdict is Verdict.DIFFERS
        assert finding.detail == f"ours by a, b; {OTHER.text} by c"


@pytest.mark.parametrize(
    ("signers", "threshold", "verdict"),
    [
        ([ANNE], 1, Verdict.REPRODUCED),
        ([ANNE], 2, Verdict.UNKNOWN),
        ([ANNE, BERT], 2, Verdict.REPRODUCED),
        ([ANNE, BERT], 3, Verdict.UNKNOWN),
        ([ANNE, ANNE], 2, Verdict.UNKNOWN),
        ([ANNE, BERT, CARL], 2, Verdict.REPRODUCED),
        ([], 1, Verdict.UNKNOWN),
    ],
)
def test_the_threshold_counts_keys(
    store: Store, signers: list[PrivateKey], threshold: int, verdict: Verdict
) -> None:
    ours = realise(store, "a")
    separate = judge(store, *[build(ours, key) for key in signers], threshold=threshold)
    assert separate.verdict is verdict
    if signers:
        together = judge(store, build(ours, *signers), threshold=threshold)
        assert together.verdict is verdict


def test_one_key_under_two_names_is_one_signer(store: Store) -> None:
    ours = realise(store, "a")
    twin = PrivateKey(ANNE.seed, "somebody-else")
    lines = [build(ours, ANNE), build(ours, twin)]
    finding = judge(store, *lines, threshold=2, trusted=(ANNE, twin))
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.detail == "1 of 2 signers (a)"


def test_untrusted_and_invalid_signatures_count_nothing_and_are_counted(store: Store) -> None:
    ours = realise(store, "a")
    tampered = json.loads(build(ours, ANNE))
    tampered["payload"] = json.loads(build(OTHER, ANNE))["payload"]
    swapped = json.loads(build(ours, CARL))
    swapped["signatures"][0]["keyid"] = ANNE.public.id
    lines = [json.dumps(tampered), json.dumps(swapped), build(OTHER, CARL)]
    found = evidence(*lines, trusted=(ANNE, BERT))
    assert found.objects == {}
    assert found.counts == {"invalid": 2, "untrusted": 1}
    assert [problem.split(": ")[0] for problem in found.problems] == ["a:1", "a:2"]
    assert judge(store, *lines, trusted=(ANNE, BERT)).verdict is Verdict.UNKNOWN


def test_unsigned_lines_count_only_without_a_threshold(store: Store) -> None:
    ours = realise(store, "a")
    assert judge(store, plain(ours)).verdict is Verdict.REPRODUCED
    assert judge(store, plain(ours)).detail == "by unsigned"
    assert judge(store, plain(OTHER)).verdict is Verdict.DIFFERS
    assert judge(store, plain(ours), plain(ours), threshold=1).verdict is Verdict.UNKNOWN
    agreed = judge(store, build(ours, ANNE), plain(OTHER), threshold=1)
    assert agreed.verdict is Verdict.REPRODUCED
    assert evidence(plain(OTHER), signed_only=True).counts == {"unsigned": 1}


def test_a_rebuild_that_differed_elsewhere_is_a_disagreement(store: Store) -> None:
    ours = realise(store, "a")
    for expected, actual in ((ours, OTHER), (OTHER, ours)):
        finding = judge(store, rebuilt(Verdict.DIFFERS, expected, actual, ANNE), threshold=1)
        assert (finding.verdict, finding.actual) == (Verdict.DIFFERS, OTHER)
    good = judge(store, rebuilt(Verdict.REPRODUCED, ours, ours, ANNE), threshold=1)
    assert good.verdict is Verdict.REPRODUCED


def test_a_difference_under_a_variation_says_what_was_varied(store: Store) -> None:
    ours = realise(store, "a")
    for variation, detail in (("date", "a (varied: date)"), ("control", "a"), (None, "a")):
        found = AuditFinding("x", "out", "rebuild", Verdict.DIFFERS, ours, OTHER, KEY, variation)
        payload = verdicts.verdict(found)
        assert payload is not None
        finding = judge(store, envelope.seal(payload, [ANNE]))
        assert finding.verdict is Verdict.DIFFERS
        assert finding.detail == f"ours by a; {OTHER.text} by {detail}"


def test_a_rebuild_that_failed_elsewhere_is_told_and_proves_nothing(store: Store) -> None:
    ours = realise(store, "a")
    failed = rebuilt(Verdict.FAILED, ours, None, ANNE)
    finding = judge(store, failed)
    assert finding.verdict is Verdict.UNKNOWN
    assert "could not be built again by a" in finding.detail
    assert judge(store, failed, build(ours, BERT)).verdict is Verdict.REPRODUCED


def test_another_tree_under_our_objects_name_differs(store: Store) -> None:
    ours = realise(store, "a")
    tree = store.objects.manifest(ours).root.digest()
    assert judge(store, build(ours, ANNE, tree=tree)).verdict is Verdict.REPRODUCED
    forged = judge(store, build(ours, ANNE, tree=b"\0" * 32))
    assert forged.verdict is Verdict.DIFFERS
    assert "another tree" in forged.detail


def test_a_store_that_disagrees_with_itself_says_so(store: Store) -> None:
    first = realise(store, "a", started=1)
    realise(store, "b", started=2)
    finding = judge(store, build(first, ANNE))
    assert finding.verdict is Verdict.REPRODUCED
    assert "2 different objects" in finding.detail


def test_an_output_that_is_not_here_is_unknown(store: Store) -> None:
    (finding,) = compare(store, [ChallengeSubject("x", b"k" * 32, "out")], evidence())
    assert (finding.verdict, finding.expected) == (Verdict.UNKNOWN, None)


def test_other_outputs_are_not_kept_and_one_outputs_objects_are_bounded() -> None:
    elsewhere = Realisation(b"k" * 32, "out", OTHER, "u", "h", "full", None, 1, 1)
    objects = [ObjectId(n.to_bytes(20, "big"), "x") for n in range(OBJECTS_LIMIT + 5)]
    found = evidence(claims.plain(elsewhere), *map(plain, objects))
    assert list(found.objects) == [PLACE]
    assert len(found.objects[PLACE]) == OBJECTS_LIMIT


def test_lines_of_any_other_kind_are_counted_and_stop_nothing(store: Store) -> None:
    ours = realise(store, "a")
    foreign = envelope.seal(b"{}", [ANNE], payload_type="text/plain")
    other = envelope.seal(b'{"_type":"x"}', [ANNE])
    found = evidence("{", "[]", "{}", '{"payload":"!"}', foreign, other, build(ours, ANNE))
    assert found.counts == {"unreadable": 6, "signed": 1}
    assert found.objects[PLACE][ours].signers == {ANNE.public}
    assert len(evidence(*["{"] * 50).problems) == 20


LINES = [build(OTHER, ANNE), plain(OTHER), rebuilt(Verdict.DIFFERS, OTHER, OTHER, BERT)]


@given(st.sampled_from(LINES), st.data())
def test_no_damage_to_a_line_raises_or_makes_a_signer(line: str, data: st.DataObject) -> None:
    damaged = bytearray(line.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(damaged) - 1))
        damaged[position : position + 1] = data.draw(st.binary(max_size=3))
    keys: list[PublicKey] = [ANNE.public, BERT.public]
    found = read_evidence([Line("a:1", bytes(damaged))], {PLACE}, keys)
    for witness in found.objects.get(PLACE, {}).values():
        # Only what is outside the payload, such as the hint at the key, may change unnoticed.
        if witness.signers:
            payload = json.loads(damaged)["payload"]
            assert payload.replace("-", "+").replace("_", "/") == json.loads(line)["payload"]


@given(st.lists(st.binary(max_size=80), max_size=5))
def test_random_lines_are_unreadable(lines: list[bytes]) -> None:
    found = read_evidence([Line("a", line) for line in lines], {PLACE}, [ANNE.public])
    assert found.objects == {}
    assert found.counts["unreadable"] == len(lines)
