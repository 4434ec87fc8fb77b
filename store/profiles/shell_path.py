"""The lines by which a shell finds a profile's programs."""

from __future__ import annotations

import os
import shlex
from typing import Final

from store.display import quoted
from store.errors import UsageError
from store.layout.paths import Layout
from store.profiles.launcher import programs_folders

SHELLS: Final = ("sh", "bash", "zsh", "fish")


def kind_of_shell(program: str) -> str:
    """Return the kind of a shell, by the path of its program; ``sh`` for any other."""
    name = os.path.basename(program)
    return name if name in SHELLS else "sh"


def shell_lines(profile: str, layout: Layout, shell: str) -> str:
    """Return the lines that put the programs of a profile first on the ``PATH``, once. Raises
    UsageError for a path that cannot be on it."""
    folders = programs_folders(profile, layout)
    if ":" in profile:
        raise UsageError(
            f"no PATH can have {quoted(profile)} on it: it has a colon",
            hint="--profile names another place",
        )
    line = _fish_line if shell == "fish" else _posix_line
    return "\n".join(line(folder) for folder in reversed(folders))


def _posix_line(folder: str) -> str:
    word = shlex.quote(folder)
    return f'case ":$PATH:" in *:{word}:*) ;; *) export PATH={word}${{PATH:+":$PATH"}} ;; esac'


def _fish_line(folder: str) -> str:
    word = "'" + folder.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return f"contains -- {word} $PATH; or set -gx PATH {word} $PATH"
