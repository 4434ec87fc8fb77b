"""Types of arguments and options: read from text, checked at once, and completed by shells."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from store.cli.context import Context
from store.display import quoted
from store.system.home import expand_home

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from store.profiles.retention import Retention


class Duration(click.ParamType[float]):
    """Seconds, from ``90``, ``90s``, ``10m``, ``2h``, ``1d`` or ``2w``."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds; fails for anything else, and for no time at all."""
        from store.gc.settings import parse_duration

        seconds = float(value) if isinstance(value, int | float) else parse_duration(str(value))
        if not seconds:
            self.fail(
                f"{quoted(value)} is not a duration such as 90, 90s, 10m, 2h, 1d or 2w", param, ctx
            )
        return seconds


class Size(click.ParamType[int]):
    """Bytes, from ``1000``, ``500M`` or ``10 GiB``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bytes; fails for anything else."""
        if isinstance(value, int):
            return value
        from store.gc.settings import parse_size

        size = parse_size(str(value))
        if size is None:
            self.fail(f"{quoted(value)} is not a size such as 1000, 500M or 10GiB", param, ctx)
        return size


class RetentionRule(click.ParamType["Retention"]):
    """Generations to keep: so many, those that were current within a time, or both."""

    name = "rule"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Retention:
        """Return the rule; fails for anything else."""
        from store.profiles.retention import Retention

        rule = value if isinstance(value, Retention) else Retention.parse(str(value))
        if rule is None:
            self.fail(f"{quoted(value)} is no number or age such as 5, 30d or 5,30d", param, ctx)
        return rule


class PackageName(click.ParamType[str]):
    """A package's name (or, where a command takes one, an object); completes package names."""

    name = "package"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the packages whose names begin with the typed text."""
        from click.shell_completion import CompletionItem

        context = _completing(ctx)
        head, comma, tail = incomplete.rpartition(",")
        return [
            CompletionItem(head + comma + name, help=package.description)
            for name, package in context.catalogue.packages.items()
            if name.startswith(tail)
        ]


PACKAGE = PackageName()


class GroupName(click.ParamType[str]):
    """A group of packages; completes names of groups."""

    name = "group"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the groups whose names begin with the typed text."""
        from click.shell_completion import CompletionItem

        from store.model.package_groups import groups

        found = groups(_completing(ctx).catalogue)
        return [CompletionItem(name) for name in found if name.startswith(incomplete)]


class ObjectPath(PackageName):
    """An object, and a path below it; completes names of packages, then of their files."""

    name = "path"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the packages, or the files of the object, that begin with the typed text."""
        if "/" not in incomplete:
            return super().shell_complete(ctx, param, incomplete)
        from click.shell_completion import CompletionItem

        from store.errors import StoreError
        from store.local.object_files import completions

        try:
            context = _completing(ctx)
            oid, path = context.within(incomplete)
            found = completions(context.store, oid, path)
        except StoreError:
            return []
        stem = incomplete[: len(incomplete) - len(os.fsdecode(path))]
        return [CompletionItem(stem + os.fsdecode(each)) for each in found]


OBJECT_PATH = ObjectPath()


def _completing(ctx: click.Context) -> Context:
    """Return the context of a line that is being typed."""
    given = ctx.find_root().params
    seed = ctx.params.get("seed") or given.get("seed")
    context = Context(given.get("root"), given.get("recipes"), False, seed)
    context.absent = "empty"
    return context


class NewLink(click.ParamType[str]):
    """The absolute path of a link to make or replace. It is checked at once, since its target may
    take long."""

    name = "link"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return its path; fails where no link can be."""
        if not value:
            self.fail("a link needs a name", param, ctx)
        path = os.path.abspath(expand_home(str(value)))
        if os.path.lexists(path) and not os.path.islink(path):
            self.fail(
                f"{quoted(value)} exists, and is not a link that could be replaced", param, ctx
            )
        if not os.path.isdir(os.path.dirname(path)):
            self.fail(f"{quoted(value)} would be in a folder that does not exist", param, ctx)
        return path
