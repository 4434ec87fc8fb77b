"""Copies of the tests' recipes, with parameters: recipes see no environment."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

RECIPES = Path(__file__).parent


def copy_recipes(name: str, folder: Path, **parameters: object) -> Path:
    """Copy the recipes ``name`` to a folder of that name below ``folder``, which need not be there,
    with these parameters beside them and the seeds that are there; returns the copy."""
    copy = folder / name
    shutil.copytree(RECIPES / name, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "parameters.json").write_text(json.dumps(parameters))
    (folder / "bootstrap-seeds").symlink_to((RECIPES / "bootstrap-seeds").resolve())
    return copy
