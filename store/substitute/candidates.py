"""The objects of nodes by the signed statements in caches: which are believed, and why not.

A key counts once, whatever its name, in whichever caches, and however often it signed. Two objects
of one output by keys that count are a finding, and neither is believed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from store.cache.offering import Offers, StatementFile
from store.errors import FormatError
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.signing import claims, envelope, statement, strict
from store.signing.envelope import ENVELOPE_LIMIT, PAYLOAD_TYPE, SignatureWorth
from store.signing.keys import PublicKey
from store.substitute.belief import Vouched

LINES_LIMIT = 1000
"""Lines of one file that count."""


@dataclass(frozen=True)
class TrustedCache:
    """A cache, the keys whose statements count there, and how many of them have to agree."""

    offers: Offers
    keys: tuple[PublicKey, ...]
    threshold: int = 1


class WantedNode(NamedTuple):
    """A node that is missing. ``key`` is None while an input's object is unknown: it is asked for
    by ``node``, the digest of the unresolved derivation."""

    node: bytes
    name: str
    outputs: tuple[str, ...]
    key: bytes | None = None


class BelievedNode(NamedTuple):
    """The objects of all outputs of a node, by one build, and the caches that speak for them."""

    node: bytes
    key: bytes
    outputs: Mapping[str, Vouched]
    places: tuple[str, ...]


class Dispute(NamedTuple):
    """Several objects of one output, each with the names of the keys that signed it."""

    node: bytes
    name: str
    output: str
    objects: tuple[tuple[ObjectId, tuple[str, ...]], ...]


_Build: TypeAlias = tuple[bytes, int, int, bytes, str]


@dataclass
class Candidate:
    """The claims about one node: by output and object the keys that made them, each with the lowest
    threshold of the caches where it did."""

    wanted: WantedNode
    speakers: dict[str, dict[ObjectId, dict[PublicKey, int]]] = field(default_factory=dict)
    builds: dict[_Build, dict[str, tuple[Realisation, bytes | None]]] = field(default_factory=dict)
    places: dict[str, None] = field(default_factory=dict)

    def speak(
        self, output: str, oid: ObjectId, signers: Iterable[PublicKey], threshold: int
    ) -> None:
        """Take up the claim that the output is this object."""
        known = self.speakers.setdefault(output, {}).setdefault(oid, {})
        for signer in signers:
            known[signer] = min(threshold, known.get(signer, threshold))

    def judge(self, threshold: int | None) -> BelievedNode | Dispute | None:
        """Return the objects if enough keys agree and none disagrees; None when too few do."""
        for output in self.wanted.outputs:
            objects = self.speakers.get(output, {})
            if len(objects) > 1:
                return self._dispute(output, objects)
        agreeing = self._agreeing()
        needed = threshold or min(agreeing.values(), default=1)
        if len(agreeing) < needed:
            return None
        return self._whole(agreeing)

    def _agreeing(self) -> dict[PublicKey, int]:
        """Return the keys that speak for every output, each with its threshold."""
        spoken = [
            next(iter(self.speakers.get(output, {}).values()), {}) for output in self.wanted.outputs
        ]
        return {
            key: max(each[key] for each in spoken)
            for key in spoken[0]
            if all(key in each for each in spoken)
        }

    def _whole(self, agreeing: Mapping[PublicKey, int]) -> BelievedNode | None:
        """Return the outputs of the first build that made all of them."""
        signers = tuple(sorted(map(str, agreeing)))
        for build in sorted(self.builds):
            made = self.builds[build]
            if all(output in made for output in self.wanted.outputs):
                vouched = {
                    output: Vouched(made[output][0], signers, made[output][1])
                    for output in self.wanted.outputs
                }
                return BelievedNode(self.wanted.node, build[0], vouched, tuple(self.places))
        return None

    def _dispute(self, output: str, objects: Mapping[ObjectId, Mapping[PublicKey, int]]) -> Dispute:
        told = (
            (oid, tuple(sorted(key.name for key in signers)))
            for oid, signers in sorted(objects.items())
        )
        return Dispute(self.wanted.node, self.wanted.name, output, tuple(told))


@dataclass
class StatementReading:
    """Reads statement files. ``counts`` has signatures and lines that count nothing by kind:
    "untrusted", "invalid" and "unreadable"; ``example`` names the first of each kind."""

    counts: Counter[str] = field(default_factory=Counter)
    example: dict[str, str] = field(default_factory=dict)

    def hear(
        self, candidate: Candidate, files: Sequence[StatementFile], cache: TrustedCache
    ) -> None:
        """Take up what a cache's files say of a node. Nothing in them raises: it is counted."""
        for file in files:
            for line in file.data.split(b"\n")[:LINES_LIMIT]:
                try:
                    if line.strip():
                        self._hear_line(candidate, line, file.where, cache)
                except FormatError as error:
                    self._note("unreadable", f"{file.where}: {error.message}")

    def _hear_line(
        self, candidate: Candidate, line: bytes, where: str, cache: TrustedCache
    ) -> None:
        sealed = envelope.from_members(strict.document(line, ENVELOPE_LIMIT))
        signers, standings = envelope.check(sealed, cache.keys)
        if SignatureWorth.INVALID in standings:
            self._note("invalid", f"{where}: the signature of a trusted key is wrong")
        if not signers:
            if SignatureWorth.INVALID not in standings:
                self._note("untrusted", f"{where}: signed by no key that counts for this cache")
            return
        if sealed.payload_type != PAYLOAD_TYPE:
            raise FormatError("signed by a trusted key, but no in-toto statement")
        if _take(candidate, sealed.payload, signers, cache.threshold):
            candidate.places[cache.offers.name] = None

    def _note(self, kind: str, what: str) -> None:
        self.counts[kind] += 1
        self.example.setdefault(kind, what)

    def add(self, other: StatementReading) -> None:
        """Count what another reading counted."""
        self.counts += other.counts
        self.example = {**other.example, **self.example}


def _take(
    candidate: Candidate, payload: bytes, signers: frozenset[PublicKey], threshold: int
) -> bool:
    """Take up a statement, if it is about the node; returns whether it is one of a build."""
    wanted = candidate.wanted
    opened = statement.opened(payload)
    if opened.kind == claims.VERDICT:
        for claim in claims.claims(payload):
            if claim.object is not None and claim.key == wanted.key:
                candidate.speak(claim.output, claim.object, signers, threshold)
        return False
    record, tree = statement.recorded(payload)
    if wanted.key is None:
        outcome = statement.read_outcome(payload)
        fits = outcome.derivation == wanted.node
    else:
        fits = record.key == wanted.key
    if not fits or record.output not in wanted.outputs or not record.is_of(wanted.name):
        return False
    candidate.speak(record.output, record.object, signers, threshold)
    build = (record.key, record.started, record.duration, record.log or b"", record.level)
    candidate.builds.setdefault(build, {})[record.output] = (record, tree)
    return True
