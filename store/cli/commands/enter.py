"""``store enter``."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

import click

from store.cli.context import Context
from store.cli.entering import shell_status
from store.cli.options import line_option
from store.display import quoted
from store.errors import UsageError
from store.layout.kept import LARGEST_REQUEST, REQUEST, entered
from store.sandbox.request import BuildRequest
from store.system import owned

_KEPT = "`store realise --keep-failed` says where it keeps one"


@click.command("enter")
@click.argument("folder")
@line_option
@click.pass_obj
def command(context: Context, folder: str, line: str | None) -> int:
    """Open a shell in a failed build's kept tree, with its sandbox, inputs and environment."""
    if not os.path.isdir(folder):
        there = "is a file" if os.path.exists(folder) else "does not exist"
        raise UsageError(f"{quoted(folder)} {there}; a kept tree is a folder", hint=_KEPT)
    folder = os.path.realpath(folder)
    try:
        # Another user's files are not run.
        with os.fdopen(owned.open_file(f"{folder}/{REQUEST}", os.O_RDONLY), "rb") as stream:
            record = json.loads(stream.read(LARGEST_REQUEST))
        fields: dict[str, Any] = {key: _tuples(value) for key, value in record.items()}
        request = BuildRequest(**fields | {"jobserver": None})
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{folder} is not the kept tree of a failed build",
            hint=_KEPT,
        ) from error
    args = ("-c", line) if line is not None else ("-i",)
    request = replace(request, builder="/bin/sh", args=args, timeout=None, max_silent=None)
    with entered(folder):
        return shell_status(request)


def _tuples(value: object) -> object:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
