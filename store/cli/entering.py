"""Going into a place that has the store at ``/store``: for ``run`` and ``shell``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from store.build.enter import enter
from store.cli.context import Context
from store.errors import CannotRun
from store.model.names import ObjectId


def enter_with(
    context: Context, packages: Sequence[str], argv: list[str], environment: dict[str, str]
) -> NoReturn:
    """Replace this process by ``argv``, the packages' ``bin`` folders first on its PATH."""
    # The process stays the same when it becomes the program; so does its lease. Whether the objects
    # are there counts only when it is seen after the lease.
    context.store.lease_until_exit([context.object(text) for text in packages])
    objects = [context.object(text) for text in packages]
    folders = [f"{oid.path}/bin" for oid in objects]
    path = ":".join([*folders, environment.get("PATH", "/usr/bin:/bin")])
    environment["PATH"] = path
    program = _find(context, argv[0], objects, path)
    sys.stdout.flush()
    try:
        enter(context.store.layout.objects, [program, *argv[1:]], environment, os.getcwd())
    except OSError as error:
        there = not isinstance(error, FileNotFoundError)
        raise CannotRun(f"cannot run {program}: {error.strerror}", there=there) from error


def _find(context: Context, word: str, objects: Sequence[ObjectId], path: str) -> str:
    """The program's path as it will be seen inside."""
    if "/" in word:
        return word
    for oid in objects:
        physical = f"{context.store.layout.object(oid)}/bin/{word}"
        if os.path.lexists(physical):
            return f"{oid.path}/bin/{word}"
    for folder in path.split(":"):
        program = f"{folder}/{word}"
        if os.path.isfile(program) and os.access(program, os.X_OK):
            return program
    names = ", ".join(str(oid) for oid in objects)
    raise CannotRun(f"no program {word!r} in {names}, nor on PATH", there=False)
