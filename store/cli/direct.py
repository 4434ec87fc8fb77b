"""Command lines of plain words, which run without click: it takes longer to load than they take.

A line with an option, or of another command, is click's to read (``store.cli.command_line``). Both
do the same by the same functions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Final

VERSION: Final = "0.1.0"
VERSION_LINE: Final = f"store, version {VERSION}"


def plain_command(args: Sequence[str]) -> Callable[[], None] | None:
    """Return the command that a line of plain words means; None for any other line."""
    if "_STORE_COMPLETE" in os.environ:  # a shell asks for completions
        return None
    match args:
        case ["--version"]:
            return lambda: print(VERSION_LINE)
        case ["list"]:
            return _list
        case ["realise", _, *_] if not any(word.startswith("-") for word in args):
            return lambda: _realise(args[1:])
    return None


def _list() -> None:
    from store.cli.context import Context
    from store.cli.packages import list_packages

    list_packages(Context(None, None, False))


def _realise(packages: Sequence[str]) -> None:
    from store.cli.context import Context
    from store.cli.outputs import realise

    realise(Context(None, None, False), packages)
