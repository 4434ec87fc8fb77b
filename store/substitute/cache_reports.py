"""The reports of a run about its caches: each thing that is worth a line, once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from store.events import CacheTrouble, Disputed, Event
from store.substitute.cache_search import SearchAnswer
from store.substitute.candidates import Dispute

TRUST = "`store key trust` adds a key"
FEWER = f"{TRUST}; --threshold, or config.toml, asks for fewer"
SHOWN = 5
"""Names in one line at most."""


class CacheReports:
    """Sends events about caches to ``emit``."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self.emit = emit
        self._counted: set[str] = set()
        self._damaged: set[str] = set()
        self._disputes: set[Dispute] = set()

    def searched(self, answer: SearchAnswer) -> None:
        """Report disputes, and statements that do not count."""
        for dispute in answer.disputes:
            self.dispute(dispute)
        for kind, count in answer.reading.counts.items():
            more = f", and {count - 1} more" if count > 1 else ""
            hint = f"; {TRUST}" if kind == "untrusted" else ""
            said = f"{answer.reading.example[kind]}{more} ({kind}; not counted{hint})"
            self._once(kind, "", said)
        if answer.short:
            names = ", ".join(sorted(set(answer.short))[:SHOWN])
            few = f"signed by fewer keys than have to agree: {names} ({FEWER})"
            self._once("short", "", few)

    def used(self, damaged: Iterable[str], unusable: Mapping[str, str]) -> None:
        """Report lies, and caches that are of no use for the rest of the run."""
        for sentence in damaged:
            if sentence not in self._damaged:
                self._damaged.add(sentence)
                self.trouble("", sentence)
        for reason in unusable.values():
            self.trouble("", f"{reason}; it is asked nothing more in this run")

    def dispute(self, found: Dispute) -> None:
        """Report that keys disagree, or a build here and a key."""
        if found in self._disputes:
            return
        self._disputes.add(found)
        objects = tuple((oid.path, names) for oid, names in found.objects)
        self.emit(Disputed(found.name, found.output, objects))

    def trouble(self, cache: str, message: str) -> None:
        """Report that a cache did something that it should not, or cannot be used."""
        self.emit(CacheTrouble(cache, message))

    def _once(self, kind: str, cache: str, message: str) -> None:
        if kind not in self._counted:
            self._counted.add(kind)
            self.trouble(cache, message)
