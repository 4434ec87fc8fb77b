"""The lines of ``store verify``: findings, repairs, and how many of each."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from store.cli.counting import Counting
from store.cli.wording import counted

if TYPE_CHECKING:
    from store.verify.finding import Finding
    from store.verify.object_repair import Mended
    from store.verify.verifier import VerificationOutcome


class VerificationLines:
    """Prints findings on standard output, and counts on standard error. With ``read``, the contents
    of files were looked at."""

    def __init__(self, *, as_json: bool, read: bool) -> None:
        self._as_json = as_json
        self._how = "read" if read else "looked at"
        self.progress = Counting(sys.stderr)
        self._dealt_with = 0

    def found(self, finding: Finding) -> None:
        """Print a finding."""
        self.progress.erase()
        print(_as_json(finding.to_record()) if self._as_json else finding)

    def sum_up(self, outcome: VerificationOutcome) -> None:
        """Print how much was looked at and found."""
        self.progress.erase()
        sys.stdout.flush()
        print(
            f"{outcome.looked} of {counted(outcome.due, 'object')} {self._how}: "
            f"{counted(outcome.errors, 'finding')}, {counted(outcome.notes, 'note')}",
            file=sys.stderr,
        )

    def mended(self, mended: Mended) -> None:
        """Print how the repair of an object ended."""
        self._dealt_with += 1
        lines = [_mended_record(mended)] if self._as_json else _mended_lines(mended)
        for line in lines:
            print(line, flush=True)

    def sum_up_repair(self, left: Sequence[Finding]) -> None:
        """Print how many repairs ended, and how many findings are ``left``."""
        done = counted(self._dealt_with, "object")
        print(f"{done} repaired or moved: {counted(len(left), 'finding')} left", file=sys.stderr)


def _as_json(record: Mapping[str, Any]) -> str:
    import json  # slow to load, for a command that has nothing to say as a rule

    return json.dumps(record)


def _mended_record(mended: Mended) -> str:
    return _as_json(
        {
            "repaired": mended.object.path,
            "from": mended.how,
            "quarantine": mended.quarantined,
            "reasons": dict(mended.reasons),
        }
    )


def _mended_lines(mended: Mended) -> list[str]:
    if mended.how:
        return [f"repaired: {mended.object.path} (from {mended.how})"]
    first = f"not repaired: {mended.object.path} (quarantine: {mended.quarantined})"
    return [first, *(f"  from {name}: {reason}" for name, reason in mended.reasons)]
