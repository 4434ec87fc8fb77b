"""How counts are phrased."""

from __future__ import annotations


def counted(count: int, thing: str, form: str = "") -> str:
    """A count with what is counted: ``1 object``, ``2 objects``, ``0 processes``. ``form`` is how
    the number is written, as :func:`format` has it."""
    return f"{count:{form}} {thing if count == 1 else _plural(thing)}"


def _plural(thing: str) -> str:
    return f"{thing}es" if thing.endswith("s") else f"{thing}s"
