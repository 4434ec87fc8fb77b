"""Going into a place that has the store at ``/store``, or into the sandbox of a build."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Sequence
from typing import NoReturn

from store.cli.context import Context
from store.display import printable, reason
from store.errors import CannotRun, UnknownObject
from store.model.names import ObjectId
from store.sandbox.enter import enter, enter_build
from store.sandbox.request import BuildRequest


def enter_with(
    context: Context, packages: Sequence[str], argv: list[str], environment: dict[str, str]
) -> NoReturn:
    """Replace this process by ``argv``, the packages' ``bin`` folders first on its PATH."""
    # The process stays the same when it becomes the program; so does its lease. The presence of the
    # objects counts only when it is seen after the lease.
    context.store.leases.until_exit(_objects(context, packages))
    objects = _objects(context, packages)
    lost = context.store.objects.lost(objects)
    if lost:
        raise UnknownObject(
            f"missing from the disk: {', '.join(oid.path for oid in lost)}",
            hint="`store realise` makes a package whole again, `store verify --repair` all else",
        )
    folders = [f"{oid.path}/bin" for oid in objects]
    environment["PATH"] = ":".join([*folders, environment.get("PATH", "/usr/bin:/bin")])
    sys.stdout.flush()
    cwd = os.getcwd()  # outside of the block: a folder that was removed is no missing program
    try:
        enter(context.store.layout.objects, argv, environment, cwd)
    except OSError as error:
        if error.filename == cwd != argv[0]:
            raise CannotRun(
                f"cannot run {argv[0]} in {printable(cwd)}: {reason(error)}", there=True
            ) from error
        there = not isinstance(error, FileNotFoundError)
        why = error.strerror if there else _missing(argv[0], environment["PATH"], objects)
        raise CannotRun(f"cannot run {argv[0]}: {why}", there=there) from error


def shell_status(request: BuildRequest) -> int:
    """Run a request's builder, such as a shell, in its sandbox on our terminal; returns the exit
    code that a shell would give it."""
    sys.stdout.flush()
    result = enter_build(request)
    return result.status if result.status >= 0 else 128 - result.status


def _missing(name: str, path: str, objects: Sequence[ObjectId]) -> str:
    """Return why no program of this name was found; seen from inside, where the store is at
    ``/store``."""
    found = shutil.which(name, path=path)
    if found is not None:
        return f"{found} is there, but the interpreter or loader that it names is missing"
    if "/" in name:
        return os.strerror(errno.ENOENT)
    return f"it is neither in {', '.join(map(str, objects))} nor on PATH"


def _objects(context: Context, packages: Sequence[str]) -> list[ObjectId]:
    return [oid for text in packages for oid in context.objects(text)]
