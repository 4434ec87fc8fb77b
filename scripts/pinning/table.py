"""Findings as a table for people, and as values for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from scripts.pinning.calls import Unreadable
from scripts.pinning.checking import Candidate, Finding

HEADINGS = ("pin", "pinned", "stable", "newest", "state", "listed in")


def rows(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the lines of a table, each finding on one."""
    lines = [HEADINGS, *(_cells(finding) for finding in findings)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    for line in lines:
        yield "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()


def _cells(finding: Finding) -> tuple[str, ...]:
    notes = [", ".join(finding.suites) or "-"]
    if finding.by_version:
        notes.append("compared by its version")
    if finding.updates:
        times = "once" if finding.updates == 1 else f"{finding.updates} times"
        notes.append(f"the suite patches it {times}")
    if finding.served is not None:
        notes.append("served" if finding.served else f"not served: {finding.refusal}")
    return (
        finding.pin.name,
        finding.pin.archive.version,
        _shown(finding.stable),
        _shown(finding.newest),
        finding.state,
        "; ".join(notes),
    )


def _shown(candidate: Candidate | None) -> str:
    return "-" if candidate is None else candidate.version


def values(findings: Iterable[Finding], top: Path) -> list[dict[str, object]]:
    """Return findings as plain values."""
    return [_value(finding, top) for finding in findings]


def _value(finding: Finding, top: Path) -> dict[str, object]:
    pin = finding.pin
    return {
        "name": pin.name,
        "file": str(pin.path.relative_to(top)),
        "line": pin.line,
        "column": pin.column,
        "kind": pin.kind,
        "address": pin.address.value,
        "sha256": pin.sha256.value,
        "pinned": pin.archive.version,
        "stable": None if finding.stable is None else finding.stable.version,
        "newest": None if finding.newest is None else finding.newest.version,
        "state": finding.state,
        "suites": list(finding.suites),
        "by_version": finding.by_version,
        "updates": finding.updates,
        "served": finding.served,
        "refusal": finding.refusal,
    }


def unreadable(found: Iterable[Unreadable], top: Path) -> list[str]:
    """Return a line for each call that cannot be read."""
    return [f"{each.path.relative_to(top)}:{each.line}: {each.reason}" for each in found]
