"""A finding as a JSON object: the form that ``--json`` writes, and that a statement is made
from."""

from __future__ import annotations

from typing import Any

from store.errors import FormatError, InvalidName
from store.model.names import check_output
from store.model.verdict import AuditFinding, Difference, Verdict
from store.signing import strict

LINE_LIMIT = 16 << 20
"""Bytes of a finding's line."""


def from_record(data: bytes) -> AuditFinding:
    """Return the finding that a line of ``--json`` stands for; FormatError for anything else.

    Members that this version does not know are passed over.
    """
    record = strict.document(data, LINE_LIMIT)
    try:
        verdict = Verdict(strict.text(record.get("verdict")))
        output = check_output(strict.text(record.get("output")))
    except (ValueError, InvalidName) as error:
        raise FormatError(f"not a finding: {error}") from error
    return AuditFinding(
        subject=strict.text(record.get("subject"), 1000),
        output=output,
        check=strict.text(record.get("check"), 100),
        verdict=verdict,
        expected=strict.optional(record.get("expected"), strict.path),
        actual=strict.optional(record.get("actual"), strict.path),
        key=strict.optional(record.get("key"), lambda value: strict.hexadecimal(value, 32)),
        variation=strict.optional(record.get("variation"), strict.text),
        cause=strict.optional(record.get("cause"), strict.text),
        detail=strict.text(record.get("detail", "")),
        seconds=strict.optional(record.get("seconds"), strict.number),
        differences=strict.items(record.get("differences", []), _difference),
        logs=strict.items(record.get("logs", []), strict.text),
        kept=strict.optional(record.get("kept"), strict.text),
        counterpart=strict.text(record.get("counterpart", "")),
        seeds=strict.items(record.get("seeds", []), strict.text),
    )


def _difference(value: Any) -> Difference:
    record = strict.members(value)
    return Difference(
        strict.text(record.get("path")),
        strict.text(record.get("kind"), 100),
        strict.optional(record.get("offset"), strict.integer),
        strict.text(record.get("place", "")),
        strict.text(record.get("detail", "")),
    )


def to_record(finding: AuditFinding) -> dict[str, Any]:
    """Return every field by its name; objects as paths, the key in hex."""
    return {
        "subject": finding.subject,
        "output": finding.output,
        "check": finding.check,
        "verdict": finding.verdict.value,
        "expected": None if finding.expected is None else finding.expected.path,
        "actual": None if finding.actual is None else finding.actual.path,
        "key": None if finding.key is None else finding.key.hex(),
        "variation": finding.variation,
        "cause": finding.cause,
        "detail": finding.detail,
        "seconds": finding.seconds,
        "differences": [difference_record(item) for item in finding.differences],
        "logs": list(finding.logs),
        "kept": finding.kept,
        "counterpart": finding.counterpart,
        "seeds": list(finding.seeds),
    }


def difference_record(difference: Difference) -> dict[str, Any]:
    """Return every field by its name."""
    return {
        "path": difference.path,
        "kind": difference.kind,
        "offset": difference.offset,
        "place": difference.place,
        "detail": difference.detail,
    }
