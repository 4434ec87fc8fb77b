"""Times and sizes, as people read them."""

from __future__ import annotations

from typing import Final

SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
"""Seconds of each unit in which settings give a time."""


def seconds_text(seconds: float) -> str:
    """Return a duration for people: ``0.4s``, ``12s``, ``3m05s``, ``1h02m``, ``3d04h``."""
    if round(seconds, 1) < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}h{minutes:02}m"
    return f"{hours // 24}d{hours % 24:02}h"


def about_text(seconds: float) -> str:
    """Return an estimate, no finer than it is good: ``5 s``, ``50 s``, ``7 min``, ``40 min``, ``2
    h``, ``3 days``."""
    if seconds < 57.5:
        return f"{max(5, round(seconds / 5) * 5)} s"
    minutes = seconds / 60
    if minutes < 57.5:
        return f"{max(1, round(minutes) if minutes < 20 else round(minutes / 5) * 5)} min"
    hours = minutes / 60
    if hours < 47.5:
        whole, rest = divmod(round(hours * 6), 6)
        return f"{round(hours)} h" if hours >= 10 or not rest else f"{whole} h {rest * 10} min"
    return f"{round(hours / 24)} days"


def limit_text(seconds: float) -> str:
    """Return a bound that somebody set, as it would be written there: ``0.5s``, ``90s``, ``10m``,
    ``2h``.

    The unit is the largest that it is a whole number of, from two minutes up.
    """
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


def bytes_text(count: float) -> str:
    """Return a size for people, in powers of 1024: ``812 B``, ``3.4 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if round(count, 1) < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
