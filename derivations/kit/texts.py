"""Files beside a recipe, as texts for its build."""

from __future__ import annotations

from pathlib import Path


def texts(recipe: str, *names: str) -> tuple[tuple[str, str], ...]:
    """The files of these names in the folder of a recipe (its ``__file__``), for ``files``."""
    folder = Path(recipe).parent
    return tuple((name, (folder / name).read_text()) for name in names)
