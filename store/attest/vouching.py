"""Trusted keys' statements of the makers of objects: no other store need be believed about it.

Only statements of builds count. A verdict is an auditor's observation, and is for audits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from store.attest.sources import SHOWN_PROBLEMS, Line
from store.errors import FormatError
from store.model.names import ObjectId
from store.signing import envelope, statement, strict
from store.signing.envelope import ENVELOPE_LIMIT, PAYLOAD_TYPE, SignatureWorth
from store.signing.keys import PublicKey
from store.substitute.belief import Vouched

OBJECT_LIMIT = 1000
"""Statements of one object that count."""


@dataclass
class Reading:
    """``counts`` has lines that count nothing by their kind: "unsigned", "untrusted", "invalid" and
    "unreadable", as in a challenge; ``problems`` the first of them, for people."""

    vouched: list[Vouched] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def problem(self, kind: str, where: str, what: str) -> None:
        """Count a line that counts nothing, and should."""
        self.counts[kind] += 1
        if len(self.problems) < SHOWN_PROBLEMS:
            self.problems.append(f"{where}: {what}")


def read_vouched(
    lines: Iterable[Line], wanted: Collection[ObjectId], trusted: Sequence[PublicKey]
) -> Reading:
    """Return the lines' statements, by trusted keys, of the makers of the ``wanted`` objects.
    Nothing in a line raises: it is counted."""
    reading, of_object = Reading(), Counter[ObjectId]()
    for line in lines:
        try:
            found = _read_line(line, reading, trusted)
        except FormatError as error:
            reading.problem("unreadable", line.where, error.message)
            continue
        if found is not None and found.record.object in wanted:
            of_object[found.record.object] += 1
            if of_object[found.record.object] <= OBJECT_LIMIT:
                reading.vouched.append(found)
    return reading


def _read_line(line: Line, reading: Reading, trusted: Sequence[PublicKey]) -> Vouched | None:
    record = strict.document(line.data, ENVELOPE_LIMIT)
    if "payload" not in record:
        reading.counts["unsigned"] += 1
        return None
    sealed = envelope.from_members(record)
    signers, standings = envelope.check(sealed, trusted)
    if SignatureWorth.INVALID in standings:
        reading.problem("invalid", line.where, "the signature of a trusted key is wrong")
    if not signers:
        reading.counts["untrusted"] += SignatureWorth.INVALID not in standings
        return None
    if sealed.payload_type != PAYLOAD_TYPE:
        raise FormatError("signed by a trusted key, but no in-toto statement")
    told, tree = statement.recorded(sealed.payload)
    return Vouched(told, tuple(sorted(map(str, signers))), tree)
