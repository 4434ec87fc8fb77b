"""The pinned sources of the recipes: check them, bump them, and draft a recipe for a new one.

Findings are on standard output, all else on standard error. ``docs/packaging.md`` has the exit
codes.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from scripts.pinning import bumping, calls, checking, index, python_index, serving, table
from scripts.pinning.bumping import Move
from scripts.pinning.calls import Pin
from scripts.pinning.suites import AptState
from store.display import quoted
from store.errors import StoreError
from store.fetch.locate import Machine
from store.recipes.evaluate import evaluate
from store.system.home import cache_folder

TOP = Path(__file__).resolve().parents[1]
FOUND = 3
"""The exit code of a check that found something to be done."""


class Pins:
    """The pins of a folder of recipes, and the indices that they are compared with."""

    def __init__(self, recipes: Path) -> None:
        self.recipes = recipes.resolve()
        self.machine = Machine()
        self.refresh: bool | None = None  # ask for new indices: when they are old
        self.pins, self.unreadable = calls.find(self.recipes)

    def named(self, names: Sequence[str]) -> list[Pin]:
        """Return the pins that are called so, or whose module is; all without names.

        Raises StoreError for a name that is no pin's.
        """
        found = []
        for name in names:
            own = [pin for pin in self.pins if pin.name == name]
            stem = name.replace("-", "_")
            own = own or [pin for pin in self.pins if pin.module.replace("-", "_") == stem]
            if not own:
                raise StoreError(f"no pin is called {quoted(name)}, and no recipe with one")
            found += own
        return list(dict.fromkeys(found)) if names else self.pins

    @functools.cached_property
    def sources(self) -> index.Sources:
        """The suites' indices."""
        folder = Path(cache_folder()) / "fixpoint" / "pins"
        state = AptState(folder / "apt")
        indices, warnings = state.indices(refresh=self.refresh)
        for line in warnings:
            say(line)
        return index.read(folder / "sources.db", state, indices)

    def releases(self, source: str) -> list[index.Release]:
        """Return what the suites have of a source package."""
        return self.sources.of(source)

    def project(self, file: str) -> list[python_index.PythonFile]:
        """Return the files of a Python project."""
        return python_index.files(file, self.machine)

    def target(self, pin: Pin, version: str | None) -> Move:
        """Return the move of a pin to a version, or to the newest."""
        if pin.kind == "url":
            raise StoreError(f"{pin.name} is at a URL, of which no index knows; pin it by hand")
        if pin.kind == "pypi":
            return Move(pin, bumping.python_target(pin, self.project(pin.file), version))
        return Move(pin, bumping.debian_target(pin, self.releases(pin.source), version))


def say(line: str) -> None:
    """Write a line that is no finding."""
    print(f"pins: {line}", file=sys.stderr, flush=True)


@contextmanager
def errors() -> Iterator[None]:
    """End with the words and the exit code of an error of the store's."""
    try:
        yield
    except StoreError as error:
        say(error.message)
        if error.hint:
            say(f"hint: {error.hint}")
        sys.exit(error.exit_code)


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
        found = checking.check(pins.named(names), pins.releases, pins.project)
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
@click.option("--to", "version", help="The version to move to (default: stable's newest).")
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
        bumping.prove(moves)
        rebuilt = bumping.apply(moves, functools.partial(evaluate, str(pins.recipes)))
    for move in moves:
        place = f"{move.pin.path.relative_to(pins.recipes.parent)}:{move.pin.line}"
        print(f"{place}: {move.pin.name} {move.pin.archive.version} -> {move.target.version}")
        if move.pin.version is not None:
            say(f"{place}: the version stands in the call as well: see that it is right")
    print(f"{len(rebuilt)} packages would be rebuilt: {', '.join(rebuilt) or 'none'}")


if __name__ == "__main__":
    main()
