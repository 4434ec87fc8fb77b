"""The files of the chain that are no Python: patches of ours, and small programs."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def programs() -> tuple[tuple[str, str], ...]:
    """Return the small programs that try a compiler, with the header that they share."""
    folder = _FOLDER / "torture"
    found = sorted((*folder.glob("*.[ch]"), *folder.glob("*.cc")))
    return tuple((each.name, each.read_text()) for each in found)


def patch(name: str) -> tuple[str, str]:
    """Return a patch of ours as a file of a recipe: its name and its text."""
    return name, (_FOLDER / "patches" / name).read_text()


def known(name: str) -> tuple[str, str]:
    """Return a list of programs that a compiler is known to fail as a file of a recipe."""
    return name, (_FOLDER / "known" / name).read_text()
