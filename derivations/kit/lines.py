"""The checks of a recipe's command lines before they ever run."""

from __future__ import annotations

import re

from store.errors import EvaluationError

_TOKEN = re.compile(r"\\.|'[^']*'|\"(?:\\.|[^\"\\])*\"|&&|[(){}]|\$\(|.", re.DOTALL)
_CONDITIONS = ("if ", "while ", "until ")


def check_line(line: str, where: str) -> None:
    """EvaluationError for an empty line, or a list with ``&&`` outside of a condition.

    ``set -e`` does not stop at a list whose first part fails (POSIX, "set"): the lines after it
    would run on half a result. Each command gets a line of its own instead.
    """
    if not line.strip():
        raise EvaluationError(f"phase {where!r} has an empty command line")
    if "\0" in line:
        raise EvaluationError(f"phase {where!r} has a NUL character in a command line")
    if "&&" in line and not line.lstrip().startswith(_CONDITIONS) and _has_list(line):
        raise EvaluationError(
            f"phase {where!r}: a failure in `{line}` would go unnoticed",
            hint="give each command of a list with && a line of its own",
        )


def _has_list(line: str) -> bool:
    """Return whether ``&&`` stands outside of quotes and parentheses."""
    depth = 0
    for word in _TOKEN.findall(line):
        if word in ("(", "{", "$("):
            depth += 1
        elif word in (")", "}"):
            depth = max(0, depth - 1)  # a lone one ends a pattern of "case"
        elif word == "&&" and depth == 0:
            return True
    return False
