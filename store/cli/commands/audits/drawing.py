"""Findings on standard output, for people or as JSON lines, and what they come to."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from store.cli.pages.report import LABELS, write_asked
from store.cli.wording import counted
from store.display import printable
from store.model.verdict import AuditFinding, Difference, Verdict, exit_code
from store.quantities import seconds_text
from store.signing.record import to_record

LISTED = 20
"""Differences of one finding that are shown; ``--json`` has all of them."""


def show(findings: Iterable[AuditFinding], *, as_json: bool) -> int:
    """Write every finding and, to standard error, the sum; then the page, if the command was asked
    for one with ``--html``. Returns the exit code.
    """
    findings = list(findings)
    for finding in findings:
        if as_json:
            print(json.dumps(to_record(finding)))
        else:
            print("\n".join(lines(finding)))
    sys.stdout.flush()
    print(summary(findings), file=sys.stderr)
    write_asked(findings)
    return exit_code(findings)


def summary(findings: Sequence[AuditFinding]) -> str:
    """Return how many of each verdict, such as ``12 reproduced, 1 differs``."""
    counts = Counter(finding.verdict for finding in findings)
    told = [f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict]]
    return ", ".join(told) or "nothing was found that could be compared"


def lines(finding: AuditFinding) -> list[str]:
    """Return a finding's line, and the notes below it."""
    seconds = "" if finding.seconds is None else f"  {seconds_text(finding.seconds)}"
    varied = f"  {finding.variation}" if finding.variation else ""
    cause = f"  cause: {finding.cause}" if finding.cause else ""
    top = f"{finding.verdict.value:10}  {title(finding)}{varied}{seconds}{cause}"
    return [printable(top), *(f"    {printable(line)}" for line in _below(finding))]


def title(finding: AuditFinding) -> str:
    """Return the name of the comparison: ``gcc``, ``pair^lib``, ``stage2.gcc = stage1.gcc``, with
    the seeds."""
    text = finding.subject if finding.output == "out" else f"{finding.subject}^{finding.output}"
    if finding.counterpart:
        text += f" = {finding.counterpart}"
    if finding.seeds:
        text += f" ({' = '.join(dict.fromkeys(finding.seeds))})"
    return text


def _below(finding: AuditFinding) -> list[str]:
    if finding.verdict is Verdict.REPRODUCED:
        return []
    told = finding.detail.splitlines()
    if finding.verdict is Verdict.DIFFERS:
        words = LABELS.get(finding.check, ("expected", "actual"))
        width = max(map(len, words))
        told += [
            f"{word:{width}} {oid.path}"
            for word, oid in zip(words, (finding.expected, finding.actual), strict=True)
            if oid is not None
        ]
        told += [difference_line(item) for item in finding.differences[:LISTED]]
        if len(finding.differences) > LISTED:
            told.append(f"and {counted(len(finding.differences) - LISTED, 'more difference')}")
    told += [f"log: {path}" for path in finding.logs]
    if finding.kept:
        told.append(f"kept: {finding.kept}")
    return told


def difference_line(difference: Difference) -> str:
    """Return a line such as ``bin/x: content at byte 12, in .rodata: 00 / 01``."""
    text = f"{difference.path}: {difference.kind}"
    if difference.offset is not None:
        text += f" at byte {difference.offset}"
    if difference.place:
        text += f", in {difference.place}"
    return text + (f": {difference.detail}" if difference.detail else "")
