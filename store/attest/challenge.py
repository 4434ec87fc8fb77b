"""The comparison of this store with others' statements: the signers that agree, and those that do
not.

A signature counts only by a trusted key, and a key counts once, whatever its name and however often
it signed. Lines that cannot be read, or that nobody we trust has signed, count nothing and are
reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from store.attest.sources import SHOWN_PROBLEMS, Line
from store.errors import FormatError, UnknownObject
from store.local.store import Store
from store.model.derivation import Resolved
from store.model.names import ObjectId
from store.model.verdict import AuditFinding, Verdict
from store.signing import claims, envelope, strict
from store.signing.claims import Claim
from store.signing.envelope import ENVELOPE_LIMIT, PAYLOAD_TYPE, SignatureWorth
from store.signing.keys import PublicKey

OBJECTS_LIMIT = 100
"""Different objects that are remembered of one output; more would not change the verdict."""

Place: TypeAlias = tuple[bytes, str]
"""A key and an output."""


@dataclass(frozen=True)
class ChallengeSubject:
    """An output to compare. ``name`` is what a user calls it, ``key`` that of its realisations."""

    name: str
    key: bytes
    output: str


@dataclass
class Witness:
    """The speakers for one object of an output: trusted signers, and whether anybody else; and the
    variation in which it came out."""

    signers: set[PublicKey] = field(default_factory=set)
    unsigned: bool = False
    trees: set[bytes] = field(default_factory=set)
    varied: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        names = [key.name for key in sorted(self.signers, key=lambda key: (key.name, key.raw))]
        told = ", ".join([*names, *(["unsigned"] if self.unsigned else [])])
        varied = "" if "" in self.varied else ", ".join(sorted(self.varied))
        return f"{told} (varied: {varied})" if varied else told


@dataclass
class Evidence:
    """A source's statements on the outputs asked for, and how much of it counted.

    ``counts`` has lines by their result: "signed", "unsigned", "untrusted", "invalid" (a signature
    by a trusted key that is wrong), "unreadable"; a line may have several signatures.
    """

    objects: dict[Place, dict[ObjectId, Witness]] = field(default_factory=dict)
    failures: dict[Place, set[PublicKey]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def problem(self, kind: str, where: str, what: str) -> None:
        """Count a line, or a signature, that counts nothing."""
        self.counts[kind] += 1
        if len(self.problems) < SHOWN_PROBLEMS:
            self.problems.append(f"{where}: {what}")

    def add(self, claim: Claim, signers: Collection[PublicKey]) -> None:
        """Take up a claim by these signers; by none, it is unsigned."""
        place = (claim.key, claim.output)
        if claim.object is None:
            self.failures.setdefault(place, set()).update(signers)
            return
        known = self.objects.setdefault(place, {})
        if claim.object not in known and len(known) >= OBJECTS_LIMIT:
            return
        witness = known.setdefault(claim.object, Witness())
        witness.signers.update(signers)
        witness.unsigned |= not signers
        if claim.tree is not None and len(witness.trees) < OBJECTS_LIMIT:
            witness.trees.add(claim.tree)
        if len(witness.varied) < OBJECTS_LIMIT:
            witness.varied.add(claim.varied)


def read_evidence(
    lines: Iterable[Line],
    wanted: Collection[Place],
    trusted: Sequence[PublicKey],
    *,
    signed_only: bool = False,
) -> Evidence:
    """Return the claims of the lines about the ``wanted`` outputs. Nothing in a line raises: it is
    counted."""
    evidence = Evidence()
    for line in lines:
        try:
            _read_line(line, evidence, wanted, trusted, signed_only)
        except FormatError as error:
            evidence.problem("unreadable", line.where, error.message)
    return evidence


def _read_line(
    line: Line,
    evidence: Evidence,
    wanted: Collection[Place],
    trusted: Sequence[PublicKey],
    signed_only: bool,
) -> None:
    record = strict.document(line.data, ENVELOPE_LIMIT)
    if "payload" not in record:
        found: tuple[Claim, ...] = (claims.plain_claim(record),)
        evidence.counts["unsigned"] += 1
        if signed_only:
            return
        signers: frozenset[PublicKey] = frozenset()
    else:
        sealed = envelope.from_members(record)
        signers, standings = envelope.check(sealed, trusted)
        _count_signatures(line, evidence, standings)
        if not signers:
            return
        if sealed.payload_type != PAYLOAD_TYPE:
            raise FormatError("signed by a trusted key, but no in-toto statement")
        found = claims.claims(sealed.payload)
        evidence.counts["signed"] += 1
    for claim in found:
        if (claim.key, claim.output) in wanted:
            evidence.add(claim, signers)


def _count_signatures(line: Line, evidence: Evidence, standings: Iterable[SignatureWorth]) -> None:
    for standing in standings:
        if standing is SignatureWorth.INVALID:
            evidence.problem("invalid", line.where, "the signature of a trusted key is wrong")
        elif standing is SignatureWorth.UNTRUSTED:
            evidence.counts["untrusted"] += 1


def every_subject(store: Store) -> list[ChallengeSubject]:
    """Return every output that this store has built, by name, without fetched and imported ones."""
    found = {}
    for made in store.realisations.all():
        if not made.origin.built_here:
            continue
        try:
            node = store.realisations.node(made.key)
        except UnknownObject:
            continue
        if isinstance(node, Resolved):
            found[made.key, made.output] = ChallengeSubject(node.name, made.key, made.output)
    return sorted(found.values(), key=lambda item: (item.name, item.key, item.output))


def compare(
    store: Store,
    subjects: Iterable[ChallengeSubject],
    evidence: Evidence,
    threshold: int | None = None,
) -> Iterator[AuditFinding]:
    """Yield a finding for each subject: reproduced when enough agree with us and nobody disagrees.

    ``threshold`` is the number of signers that have to agree; without one, a single word will do,
    signed or not. ``expected`` is our object, ``actual`` is the others'.
    """
    for subject in subjects:
        yield _compare(store, subject, evidence, threshold)


def unrealised(
    name: str, output: str, detail: str = "it is not realised in this store"
) -> AuditFinding:
    """Return the finding for an output that this store does not have, or did not make."""
    return AuditFinding(name, output, "against", Verdict.UNKNOWN, detail=detail)


def _compare(
    store: Store, subject: ChallengeSubject, evidence: Evidence, threshold: int | None
) -> AuditFinding:
    place = (subject.key, subject.output)
    objects = store.realisations.realised(subject.key, (subject.output,), here=True)
    if objects is None:
        if store.realisations.realised(subject.key, (subject.output,)) is None:
            return unrealised(subject.name, subject.output)
        # Compared with those that it was taken from, it would agree with itself.
        return unrealised(subject.name, subject.output, "it was imported, and not built here")
    ours = objects[subject.output]
    known = evidence.objects.get(place, {})
    others = sorted(
        ((oid, witness) for oid, witness in known.items() if oid != ours),
        key=lambda item: (-len(item[1].signers), item[0]),
    )
    agreeing = known.get(ours, Witness())
    forged = _other_trees(store, ours, agreeing)
    notes = _notes(store, subject, evidence.failures.get(place, set()))
    actual: ObjectId | None
    if others or forged:
        verdict, actual = Verdict.DIFFERS, others[0][0] if others else ours
        notes[:0] = [f"{oid.text} by {witness}" for oid, witness in others]
        if str(agreeing):
            notes.insert(0, f"ours by {agreeing}")
        if forged:
            notes.insert(0, "the object of this name has another tree elsewhere")
    else:
        verdict, note = _agreement(agreeing, threshold)
        actual = ours if agreeing.signers or agreeing.unsigned else None
        notes.insert(0, note)
    return AuditFinding(
        subject.name,
        subject.output,
        "against",
        verdict,
        expected=ours,
        actual=actual,
        key=subject.key,
        detail="; ".join(notes),
    )


def _agreement(agreeing: Witness, threshold: int | None) -> tuple[Verdict, str]:
    count = len(agreeing.signers)
    if threshold is None:
        if str(agreeing):
            return Verdict.REPRODUCED, f"by {agreeing}"
        return Verdict.UNKNOWN, "no statement is about it"
    by = f" ({agreeing})" if count else ""
    verdict = Verdict.REPRODUCED if count >= threshold else Verdict.UNKNOWN
    return verdict, f"{count} of {threshold} signers{by}"


def _other_trees(store: Store, ours: ObjectId, agreeing: Witness) -> bool:
    """Return whether somebody has another tree under our object's name, which nobody should be able
    to."""
    if not agreeing.trees:
        return False
    try:
        return bool(agreeing.trees - {store.objects.manifest(ours).root.digest()})
    except UnknownObject:
        return False


def _notes(store: Store, subject: ChallengeSubject, failed: set[PublicKey]) -> list[str]:
    notes = []
    records = store.realisations.of(subject.key, subject.output)
    made = {item.object for item in records if item.origin.built_here}
    if len(made) > 1:
        notes.append(f"this store itself has made {len(made)} different objects of it")
    if failed:
        names = ", ".join(sorted(key.name for key in failed))
        notes.append(f"could not be built again by {names}")
    return notes
