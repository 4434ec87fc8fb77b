"""Files beside a recipe, as texts for its build."""

from __future__ import annotations

from pathlib import Path


def texts(recipe: str, *names: str, missing: bool = False) -> tuple[tuple[str, str], ...]:
    """The files of these names in the folder of a recipe (its ``__file__``), for ``files``, each by
    the last part of its name. ``missing``: one that is not there counts as empty."""
    files = [Path(recipe).parent / name for name in names]
    return tuple(
        (file.name, "" if missing and not file.exists() else file.read_text()) for file in files
    )
