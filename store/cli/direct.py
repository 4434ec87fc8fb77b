"""Command lines of usual words, which run without click: it takes longer to load than they take.

A line with any other option, with a value to complain of, or of another command, is click's to read
(``store.cli.command_line``). Both do the same by the same functions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from store.cli.context import Context
    from store.scheduler.build_options import BuildOptions

VERSION: Final = "0.1.0"
VERSION_LINE: Final = f"store, version {VERSION}"

_OF_ALL: Final = {"--root": "root", "--recipes": "recipes", "--seed": "seed"}
"""Options with a value that stand before the command, and their names."""

_OF_REALISE: Final = {
    "--jobs": "jobs",
    "-j": "jobs",
    "--cores": "cores",
    "-c": "cores",
    "--seed": "seed",
    "--on": "on",
    "--remote-jobs": "remote_jobs",
    "--remote-sandbox": "remote_sandbox",
}
_COUNTS: Final = ("jobs", "cores", "remote_jobs")
_REMOTE: Final = ("remote_jobs", "remote_sandbox")


def plain_command(args: Sequence[str]) -> Callable[[], int | None] | None:
    """Return the command that a line of usual words means, which returns its exit code if that may
    be another than 0; None for any other line."""
    if "_STORE_COMPLETE" in os.environ:  # a shell asks for completions
        return None
    given, rest = _options(args, _OF_ALL)
    match rest:
        case ["--version"] if not given:
            return lambda: print(VERSION_LINE)
        case ["list"]:
            return lambda: _list(given)
        case ["verify"] | ["verify", "--contents"]:
            return lambda: _verify(given, contents=len(rest) > 1)
        case ["realise", *words]:
            return _realising(given, words)
    return None


def _options(args: Sequence[str], known: Mapping[str, str]) -> tuple[dict[str, str], Sequence[str]]:
    """Split the options at the front, by name, from the rest; of two values, the last one counts.
    An option without a clear value is left in the rest."""
    given = {}
    while len(args) > 1 and args[0] in known and args[1] and not args[1].startswith("-"):
        given[known[args[0]]] = args[1]
        args = args[2:]
    return given, args


def _realising(given: Mapping[str, str], words: Sequence[str]) -> Callable[[], None] | None:
    """Return the realising of packages, between whose names options may stand."""
    given, packages = dict(given), list[str]()
    while words:
        options, words = _options(words, _OF_REALISE)
        given |= options
        if words and words[0].startswith("-"):
            return None
        packages += words[:1]
        words = words[1:]
    counts = [given[name] for name in _COUNTS if name in given]
    if not packages or not all(_is_count(text) for text in counts):
        return None
    if given.get("remote_sandbox", "plain") not in ("plain", "worker"):
        return None
    if "on" not in given and any(name in given for name in _REMOTE):
        return None
    return lambda: _realise(given, packages)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and not text.startswith("0") and len(text) < 7


def _list(given: Mapping[str, str]) -> None:
    from store.cli.packages import list_packages

    list_packages(_context(given))


def _verify(given: Mapping[str, str], *, contents: bool) -> int:
    from store.cli.verification import VerificationRequest, verify

    return verify(_context(given), VerificationRequest(contents=contents))


def _realise(given: Mapping[str, str], packages: Sequence[str]) -> None:
    context, options = _context(given), _build_options(given)
    if options.on is not None:
        from store.cli.servers import begin_server

        begin_server(context, options)
    from store.cli.outputs import realise  # takes long to load, while the other process connects

    realise(context, packages, options)


def _context(given: Mapping[str, str]) -> Context:
    from store.cli.context import Context

    return Context(given.get("root"), given.get("recipes"), False, given.get("seed"))


def _build_options(given: Mapping[str, str]) -> BuildOptions:
    from store.scheduler.build_options import BuildOptions, default_cores

    cores = int(given.get("cores", 0)) or default_cores()
    options = BuildOptions(jobs=int(given.get("jobs", 0)) or cores, cores=cores)
    if "on" not in given:
        return options
    from store.cli.servers import server_url

    return options._replace(
        on=server_url(given["on"]),
        remote_jobs=int(given.get("remote_jobs", options.remote_jobs)),
        remote_sandbox=given.get("remote_sandbox", options.remote_sandbox),
    )
