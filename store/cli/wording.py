"""How counts are phrased."""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.display import printable
from store.quantities import about_text

if TYPE_CHECKING:
    from store.scheduler.forecast import Estimate


def counted(count: int, thing: str, form: str = "") -> str:
    """Return a count with its noun: ``1 object``, ``2 objects``, ``0 processes``. ``form`` is the
    number's format, as :func:`format` has it."""
    return f"{count:{form}} {thing if count == 1 else _plural(thing)}"


def shown_message(message: str) -> str:
    """Return a message whose lines are its own; names in it may hold anything."""
    lines = message.split("\n")
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in lines)


LEAST = 5.0
"""Seconds that a lower bound has to come to, to be worth a word."""


def estimate_text(estimate: Estimate) -> str:
    """Return a time that work is likely to take: ``about 40 min``, ``at least 5 s``; empty where
    too little is known."""
    if not estimate.whole and estimate.seconds < LEAST:
        return ""
    return f"{'about' if estimate.whole else 'at least'} {about_text(estimate.seconds)}"


def _plural(thing: str) -> str:
    return f"{thing}es" if thing.endswith("s") else f"{thing}s"
