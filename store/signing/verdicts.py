"""Statements of an audit's findings, with a predicate type of ours.

``docs/attestations.md`` has every member.
"""

from __future__ import annotations

from typing import Any

from store.model.verdict import AuditFinding, Verdict
from store.signing.claims import VERDICT
from store.signing.record import difference_record
from store.signing.statement import compose, resource

DIFFERENCES_LIMIT = 200
"""Differences that a verdict names; it says how many more there are."""

_TEXT_LIMIT = 2000


def verdict(finding: AuditFinding) -> bytes | None:
    """Return the statement of a finding; None for one without an object to speak of, or without a
    verdict.

    Paths of logs stay here: they are this machine's.
    """
    if finding.expected is None or finding.verdict is Verdict.UNKNOWN:
        return None
    shown = finding.differences[:DIFFERENCES_LIMIT]
    predicate = {
        "check": finding.check,
        "verdict": finding.verdict.value,
        "package": finding.subject,
        "output": finding.output,
        "key": None if finding.key is None else finding.key.hex(),
        "actual": None if finding.actual is None else resource(finding.actual),
        "variation": finding.variation,
        "cause": finding.cause,
        "detail": finding.detail[:_TEXT_LIMIT],
        "seconds": finding.seconds,
        "differences": [_shortened(difference_record(item)) for item in shown],
        "moreDifferences": len(finding.differences) - len(shown),
    }
    return compose(finding.expected, VERDICT, predicate)


def _shortened(record: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value[:_TEXT_LIMIT] if isinstance(value, str) else value
        for key, value in record.items()
    }
