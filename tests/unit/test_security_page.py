"""docs/security.md: each clause names a test, and each test that it names exists."""

from __future__ import annotations

import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PAGE = TOP / "docs" / "security.md"
OPEN_SECTION = "What is not hidden, and not bounded"
"""The one section whose clauses say what nothing bounds, so that no test can show it."""


def clauses() -> list[tuple[str, str]]:
    """Each list item of the page, as one line, with the heading that it is under."""
    found: list[tuple[str, str]] = []
    heading = ""
    for block in re.split(r"\n(?=- |#|\n)", PAGE.read_text()):
        if block.startswith("#"):
            heading = block.lstrip("# ").splitlines()[0]
        elif block.startswith("- "):
            found.append((heading, " ".join(block.split())))
    return found


def test_each_clause_names_a_test() -> None:
    silent = [
        text for heading, text in clauses() if heading != OPEN_SECTION and "`tests/" not in text
    ]
    assert not silent, "\n".join(silent)


def test_each_named_test_exists() -> None:
    missing = []
    for path, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE.read_text()):
        file = TOP / path
        if not file.is_file() or (name and f"def {name}(" not in file.read_text()):
            missing.append(f"{path}::{name}")
    assert not missing, "\n".join(missing)
