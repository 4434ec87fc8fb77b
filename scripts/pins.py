"""The pinned sources of the recipes: check them, bump them, and draft a recipe for a new one.

Findings are on standard output, all else on standard error. ``docs/packaging.md`` has the exit
codes.
"""

from __future__ import annotations

import functools
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import click

from scripts.ending import run_script
from scripts.pinning import bumping, checking, drafting, serving, table, trees
from scripts.pinning.session import Pins, fetching, say
from store.errors import StorageError, StoreError
from store.fetch.locate import Machine
from store.recipes.evaluate import evaluate

TOP = Path(__file__).resolve().parents[1]
FOUND = 3
"""The exit code of a check that found something to be done."""


@contextmanager
def errors() -> Iterator[None]:
    """End with the words and the exit code of an error of the store's."""
    try:
        yield
    except StoreError as error:
        fail(error)
    except OSError as error:
        fail(StorageError(f"{error.filename or 'a file'}: {error.strerror}"))


def fail(error: StoreError) -> NoReturn:
    """Write an error, and end with its exit code."""
    say(error.message)
    if error.hint:
        say(f"hint: {error.hint}")
    sys.exit(error.exit_code)


def _not_empty(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    """Return the text of an option; fails where it is empty, as of a variable that is not set."""
    if text is not None and not text.strip():
        raise click.BadParameter("it is empty", context, option)
    return text


@click.group()
@click.option(
    "--recipes",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=TOP / "derivations",
    help="The folder of recipes.",
)
@click.pass_context
def main(context: click.Context, recipes: Path) -> None:
    """Look after the pinned sources of the recipes."""
    with errors():
        context.obj = Pins(recipes)


@main.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.option("--served", is_flag=True, help="Ask whether a server has the files of these NAMEs.")
@click.option("--refresh/--no-refresh", default=None, help="Ask for new indices (default: daily).")
@click.pass_obj
def check(
    pins: Pins, names: tuple[str, ...], as_json: bool, served: bool, refresh: bool | None
) -> None:
    """Compare pins with what Debian's suites and Python indexes list."""
    if served and not names:
        raise click.UsageError("--served asks servers, and so wants the names of pins")
    pins.refresh = refresh
    with errors():
        found = checking.check(pins.named(names), pins.releases, pins.listed)
        if served:
            found = [_asked(finding, pins.machine) for finding in found]
    if as_json:
        value = {
            "pins": table.values(found, pins.recipes.parent),
            "unreadable": table.unreadable(pins.unreadable, pins.recipes.parent),
        }
        print(json.dumps(value, indent=2))
    else:
        for line in table.rows(found):
            print(line)
        for line in table.unreadable(pins.unreadable, pins.recipes.parent):
            say(line)
    sys.exit(0 if all(finding.is_good for finding in found) and not pins.unreadable else FOUND)


def _asked(finding: checking.Finding, machine: Machine) -> checking.Finding:
    refusal = serving.refusal(finding.pin.locator, machine)
    return replace(finding, served=refusal is None, refusal=refusal or "")


@main.command()
@click.argument("name")
@click.option(
    "--to",
    "version",
    callback=_not_empty,
    help="The version to move to (default: stable's newest).",
)
@click.pass_obj
def bump(pins: Pins, name: str, version: str | None) -> None:
    """Move the pin called NAME to another version, and name the packages to rebuild."""
    with errors():
        moves = [pins.target(pin, version) for pin in pins.named([name])]
        moves = [move for move in moves if move.target.sha256 != move.pin.sha256.value]
        if not moves:
            say(f"{name} is pinned so already")
            return
        say("fetching " + ", ".join(move.target.address.rpartition("/")[2] for move in moves))
        with fetching(pins, moves[0].pin.source, moves[0].target.address):
            bumping.prove(moves)
        rebuilt = bumping.apply(moves, functools.partial(evaluate, str(pins.recipes)))
    for move in moves:
        place = f"{move.pin.path.relative_to(pins.recipes.parent)}:{move.pin.line}"
        print(f"{place}: {move.pin.name} {move.pin.archive.version} -> {move.target.version}")
        if move.pin.version is not None:
            say(f"{place}: the version stands in the call as well: see that it is right")
    for pin in bumping.left_behind(moves, pins.pins):
        say(f"{pin.name} has patches for the version before: see which are still needed")
    print(f"{len(rebuilt)} packages would be rebuilt: {', '.join(rebuilt) or 'none'}")


@main.command()
@click.argument("source")
@click.option(
    "--group",
    callback=_not_empty,
    help="The folder of the recipe (default: by Debian's section).",
)
@click.option(
    "--name", callback=_not_empty, help="The recipe's module (default: the source's name)."
)
@click.option(
    "--to", "version", callback=_not_empty, help="The version to pin (default: stable's newest)."
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Keep the archive in this folder, for reading.",
)
@click.option("--print", "only_print", is_flag=True, help="Write the draft to standard output.")
@click.pass_obj
def add(
    pins: Pins,
    source: str,
    group: str | None,
    name: str | None,
    version: str | None,
    keep: Path | None,
    only_print: bool,
) -> None:
    """Draft the recipe of SOURCE, a source package of Debian's or ``pypi:PROJECT``.

    Its archive is fetched and looked into. The draft holds TODOs, which no evaluation accepts.
    """
    with errors():
        pinned = pins.pinned(source, version)
        folder, name = group or drafting.group(pinned), name or pinned.name
        if not only_print:
            drafting.check_place(pins.recipes, folder, name)
        say(f"fetching {pinned.address.rpartition('/')[2]}")
        with (
            fetching(pins, source, pinned.address),
            bumping.fetched(pinned.archive.source) as path,
        ):
            tree = trees.read(path)
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                say(f"kept as {shutil.copy(path, keep / pinned.address.rpartition('/')[2])}")
        modules = [path.stem for path in pins.recipes.rglob("*.py")]
        draft = drafting.draft(pinned, tree, modules, pins.debians(pinned, tree), name=name)
        for note in draft.notes:
            say(note)
        if only_print:
            print(draft.text, end="")
            return
        path = drafting.write(pins.recipes, folder, name, draft.text)
    print(path)


if __name__ == "__main__":
    run_script(main)
