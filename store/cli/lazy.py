"""A group of commands, each in a module of its own that is imported only when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping
from keyword import iskeyword
from typing import Any

import click

from store.display import quoted


class LazyGroup(click.Group):
    """``summaries`` has a line for each command's name. ``package`` holds a module of that name
    with the click command ``command``: ``-`` becomes ``_``. A word of Python's has one at its end,
    and so has one of ``taken``. ``former`` has names that commands had once, which still work.
    """

    def __init__(
        self,
        *args: Any,
        summaries: Mapping[str, str],
        package: str,
        former: Mapping[str, str] | None = None,
        taken: Collection[str] = (),
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self._former = former or {}
        self._taken = taken
        self._summaries = summaries
        self._package = package

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, in the order of the help page."""
        return list(self._summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, from the module of its name."""
        cmd_name = self._former.get(cmd_name, cmd_name)
        if cmd_name not in self._summaries:
            return None
        name = cmd_name.replace("-", "_")
        end = "_" if iskeyword(name) or name in self._taken else ""
        module = importlib.import_module(f"{self._package}.{name}{end}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help page's list, without importing a single command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._summaries.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Act as click does, with near matches for a name that is no command."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in {**self._summaries, **self._former}:
            from difflib import get_close_matches

            near = get_close_matches(name, self._summaries, n=3)
            ctx.fail(
                f"no command is named {quoted(name)}"
                + (f"; did you mean {', '.join(near)}?" if near else "")
            )
        return super().resolve_command(ctx, args)
