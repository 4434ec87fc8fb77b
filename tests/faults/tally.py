"""The results of a campaign: how often something was hurt, and all findings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Counts of one campaign. ``lost`` are the findings; an empty list is the aim."""

    campaign: str
    counts: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)

    def add(self, what: str, findings: list[str], where: str) -> None:
        """One more ``what``, and the findings after it."""
        self.counts[what] += 1
        self.lost += [f"{where}: {finding}" for finding in findings]

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.campaign, self.counts + other.counts, self.lost + other.lost)

    def __str__(self) -> str:
        counted = ", ".join(f"{count} {what}" for what, count in self.counts.items())
        return f"{self.campaign}: {counted or 'nothing done'}, {len(self.lost)} lost"
