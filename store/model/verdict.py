"""The findings of an audit, one output at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from store.model.names import ObjectId


class Verdict(Enum):
    """Of one output, under one check."""

    REPRODUCED = "reproduced"
    DIFFERS = "differs"
    FAILED = "failed"
    """It could not be built, or its result could not be read."""
    UNKNOWN = "unknown"
    """There is nothing to compare with."""


@dataclass(frozen=True)
class Difference:
    """One place where two trees are not the same.

    ``kind`` is one of missing, extra, kind, mode, link, size, content. ``offset`` is of the first
    byte that differs; ``place`` names the thing there (an ELF section, an archive's member).
    """

    path: str
    kind: str
    offset: int | None = None
    place: str = ""
    detail: str = ""


@dataclass(frozen=True)
class AuditFinding:
    """``check`` is one of stages, rebuild, against, ledger; ``variation`` is its name, if
    any. ``expected`` and ``actual`` are the objects compared; ``key`` is the realisation's.

    ``cause`` names the reason for a difference, where the audit found it; ``seconds`` is the
    time of the rebuild; ``logs`` are paths of the logs kept, the original's first; ``kept`` is the
    path of the tree that came out other than expected, when asked to keep it. ``counterpart`` names
    the package that ``subject`` is compared with, if that is another; ``seeds`` are those that both
    stand on, the subject's first.
    """

    subject: str
    output: str
    check: str
    verdict: Verdict
    expected: ObjectId | None = None
    actual: ObjectId | None = None
    key: bytes | None = None
    variation: str | None = None
    cause: str | None = None
    detail: str = ""
    seconds: float | None = None
    differences: tuple[Difference, ...] = ()
    logs: tuple[str, ...] = ()
    kept: str | None = None
    counterpart: str = ""
    seeds: tuple[str, ...] = ()


def exit_code(findings: Iterable[AuditFinding]) -> int:
    """Return 0 when every verdict is reproduced (and there is one), 2 for any difference, 1
    otherwise."""
    verdicts = {finding.verdict for finding in findings}
    if Verdict.DIFFERS in verdicts:
        return 2
    return 0 if verdicts == {Verdict.REPRODUCED} else 1
