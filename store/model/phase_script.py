"""The phases of a builder's script: each begins with a line that tells of it."""

from __future__ import annotations

import re
from typing import NamedTuple

from store.model.build_files import PLACE
from store.model.derivation import Derivation, Resolved

_PHASE = re.compile(r"echo '@phase ([^']+)'")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(=|\(\) \{.*\}$)")
"""An assignment, or a function on one line, as checks have it for their faults."""
_FIRST = re.compile(rf"set -eu|cd {PLACE}|trap '.*' EXIT")
"""Lines that may stand before and between the assignments: a shell has the first two anyway, and a
trap would be heard at its end."""
_LATER = "PATH=$PATH:"
"""Begins an assignment that stands further below, as its folder is made first."""


class PhaseScript(NamedTuple):
    """``variables`` are the assignments and functions at its beginning, ``preparation`` the lines
    up to the first phase, ``phases`` the name and lines of each. All are shell text."""

    variables: str
    preparation: str
    phases: tuple[tuple[str, str], ...]


def phase_script(node: Derivation | Resolved) -> PhaseScript | None:
    """Return the script of a derivation in its phases; None if it has none that tell of it."""
    lines = _script(node).split("\n")
    starts = [at for at, line in enumerate(lines) if _PHASE.fullmatch(line)]
    if not starts:
        return None
    head = lines[: starts[0]]
    begins = (at for at, line in enumerate(head) if not _known(line))
    end = next(begins, len(head))
    variables = [line for line in head[:end] if _VARIABLE.match(line)]
    later = [line for line in head[end:] if line.startswith(_LATER)]
    return PhaseScript(
        _text(variables + later),
        _text(head[end:]),
        tuple(
            (lines[start][len("echo '@phase ") : -1], _text(lines[start:end]))
            for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)
        ),
    )


def _known(line: str) -> bool:
    return bool(_VARIABLE.match(line) or _FIRST.fullmatch(line))


def _script(node: Derivation | Resolved) -> str:
    """Return the last argument, or the text of the file in ``/build`` that it names."""
    last = node.args[-1] if node.args else ""
    return {f"{PLACE}/{path}": text for path, text in node.files}.get(last, last)


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
