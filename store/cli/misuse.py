"""The exit code of a wrong command line, for commands whose own code 2 says that things differ."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import click

from store.display import printable
from store.errors import WRONG_LINE, UsageError

_REPRESENTED = re.compile(r"(?<!\\)\\udc([89a-f][0-9a-f])")
"""A byte that is no text, as click shows it, and Python."""


@contextlib.contextmanager
def own_usage_code() -> Iterator[None]:
    """Let an error of the command line that is raised within end the process with WRONG_LINE."""
    try:
        yield
    except (UsageError, click.UsageError) as error:
        vars(error)["exit_code"] = WRONG_LINE  # of this error, and not of its class
        raise


class FindingCommand(click.Command):
    """A command whose exit code 2 says what it found."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Act as click does, but for the exit code."""
        with own_usage_code():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Act as click does, but for the exit code."""
        with own_usage_code():
            return super().invoke(ctx)


def explain(error: click.ClickException) -> Iterator[str]:
    """Yield the lines that explain the error of a command line: as click's own, but that names in
    them may hold anything."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        yield from error.format_message().split("\n")  # the help page, which is all there is to say
        return
    ctx = getattr(error, "ctx", None)
    if ctx is not None:
        yield ctx.get_usage()
        yield f"Try '{ctx.command_path} --help' for help."
        yield ""
    message = _REPRESENTED.sub(r"\\x\1", error.format_message())
    for line in f"Error: {message}".split("\n"):
        yield "\t".join(map(printable, line.split("\t")))
