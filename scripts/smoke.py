"""Build and check recipes of the world with zig's compilers, within a time limit.

It says whether a recipe builds at all. The real toolchain takes an hour; its stand-in is in
``smoke/``. Findings are on standard output, all else on standard error.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import click

from scripts.ending import run_script
from store import Session
from store.cli.draw import make_reporter
from store.cli.parameter_types import Duration
from store.cli.wording import counted
from store.display import printable, quoted
from store.errors import Interrupted, StoreError, UsageError
from store.graph.resolver import Resolver
from store.job_errors import BuildError, BuildTimeout, SourceError
from store.model.catalogue import CHECK, CHECKS, UPSTREAM
from store.operations.affected import affected
from store.quantities import seconds_text
from store.scheduler.build_options import BuildOptions, default_cores
from store.scheduler.forecast import TimeForecast, planned_nodes
from store.system.home import cache_folder

TOP = Path(__file__).resolve().parents[1]
RECIPES = str(TOP / "smoke")
STAND_IN = "zig's compilers with their musl, and Debian's programs, stood in for stage 2"

OUT_OF_TIME = BuildTimeout.exit_code


class Outcome(StrEnum):
    """The end of one package, with the sign in front of its line."""

    BUILT = "✓"
    FAILED = "✗"
    LEFT = "·"


WORDS = {Outcome.BUILT: "built", Outcome.FAILED: "failed", Outcome.LEFT: "not built"}


class Smoke(NamedTuple):
    """The outcome of a package; ``error`` is that of a failure."""

    package: str
    outcome: Outcome
    note: str
    error: StoreError | None = None

    @property
    def line(self) -> str:
        """The finding, as it is printed."""
        return printable(f"{self.outcome} {self.package:20} {WORDS[self.outcome]}{self.note}")


@click.command()
@click.argument("packages", nargs=-1, metavar="[PACKAGE]...")
@click.option("--since", metavar="REV", help="Take the packages that changed since a revision.")
@click.option(
    "--limit",
    type=Duration(),
    default=600,
    metavar="TIME",
    help="Begin and go on with builds for so long, such as 90 or 10m (default: 10m).",
)
@click.option(
    "--all",
    "complete",
    is_flag=True,
    help=f"A package that the limit left unbuilt is a failure, too: exit code {OUT_OF_TIME}.",
)
@click.option("--root", metavar="DIR", help="Use this store (default: one in the user's cache).")
@click.option(
    "--recipes",
    default=RECIPES,
    metavar="DIR",
    help="The recipes with what stands in (default: smoke).",
)
def main(
    packages: tuple[str, ...],
    since: str | None,
    limit: float,
    complete: bool,
    root: str | None,
    recipes: str,
) -> None:
    """Build and check packages of the world with a compiler that is to be had in minutes."""
    try:
        if bool(packages) == (since is not None):
            raise UsageError("name packages, or a revision with --since")
        root = root or default_root()
        reporter = make_reporter(sys.stderr)
        with Session(root, recipes, reporter=reporter) as session:
            names = packages if since is None else changed(session, since)
            found = list(printed(session, smoke(session, names, limit)))
        reporter.close()
    except StoreError as error:
        say(error.message)
        if error.hint:
            say(f"hint: {error.hint}")
        sys.exit(error.exit_code)
    say(summary(found))
    failed = next((each.error.exit_code for each in found if each.error), 0)
    left = [each.package for each in found if each.outcome is Outcome.LEFT]
    if complete and left:
        untried = f"{counted(len(left), 'package')} untried: {', '.join(left)}"
        say(f"FAILED: the time limit left {untried}")
        failed = failed or OUT_OF_TIME
    sys.exit(failed)


def default_root() -> str:
    """Return the store, in the user's cache, of what stand-ins have built."""
    return os.path.join(cache_folder(), "fixpoint", "smoke")


def say(line: str) -> None:
    """Write a line that is no finding."""
    for each in line.splitlines():
        print(f"smoke: {printable(each)}", file=sys.stderr, flush=True)


def printed(session: Session, found: Iterable[Smoke]) -> Iterator[Smoke]:
    """Print each finding when it is there, with the words of an error below it."""
    for each in found:
        print(each.line, flush=True)
        if each.error is not None:
            say(each.error.message)
            options = f"--root {quoted(session.root)} --recipes {quoted(session.recipes)}"
            say(f"hint: `scripts/store {options} log {each.package}` has the whole log")
        yield each


def summary(found: Sequence[Smoke]) -> str:
    """Return how many of each outcome, and the stand-in for the toolchain."""
    counts = Counter(each.outcome for each in found)
    said = ", ".join(f"{counts[each]} {WORDS[each]}" for each in Outcome if counts[each])
    return f"{said or 'no package of the world has changed'}; {STAND_IN}"


def changed(session: Session, revision: str) -> list[str]:
    """Return the packages of the world that a change since a revision touches: those whose own
    files changed first, and of these those that take least time."""
    with Session(session.root, str(TOP / "derivations"), absent="empty") as real:
        touched = affected(real, revision)
    known = session.catalogue.packages
    names = dict.fromkeys(name.removesuffix(UPSTREAM).removesuffix(CHECK) for name in touched)
    world = [name for name in names if name + CHECK in known]
    if others := [name for name in names if name not in world and name not in known]:
        say(f"{counted(len(others), 'package')} of the stages changed, too: the ladder builds them")
    own = {path.stem.replace("_", "-") for path in map(Path, changed_files(revision))}
    seconds = session.catalogue.seconds
    return sorted(world, key=lambda name: (name not in own, seconds.get(known[name].node, 0), name))


def changed_files(revision: str) -> list[str]:
    """Return the files of recipes that git has otherwise at a revision, or does not know yet."""
    found = []
    for words in (
        ("diff", "--name-only", revision),
        ("ls-files", "--others", "--exclude-standard"),
    ):
        command = ["git", "-C", str(TOP), *words, "--", "derivations"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found += done.stdout.splitlines()
    return found


def smoke(session: Session, names: Sequence[str], limit: float) -> Iterator[Smoke]:
    """Yield the outcome of each package, in this order. Raises UnknownPackage before anything is
    built."""
    goals = {name: goal(session, name) for name in names}
    end = time.monotonic() + limit
    for name, wanted in goals.items():
        left = end - time.monotonic()
        needed = seconds_needed(session, wanted)
        if needed > left:
            yield Smoke(name, Outcome.LEFT, note(needed, left))
            continue
        yield one(session, name, wanted, left)


def goal(session: Session, name: str) -> str:
    """Return the check of a package; itself where it is none of the world."""
    package = session.catalogue.package(name)
    checked = package.group != CHECKS and name + CHECK in session.catalogue.packages
    return name + CHECK if checked else name


def note(needed: float, left: float) -> str:
    """Return why there is no time for a package."""
    if left <= 0:
        return ": no time is left"
    return f": it takes about {seconds_text(needed)}, and {seconds_text(left)} are left"


def seconds_needed(session: Session, wanted: str) -> float:
    """Return the time that a package is likely to take, with all below it."""
    resolver = Resolver(session.store, session.catalogue)
    plan = resolver.plan([session.catalogue.ref(wanted).node])
    nodes = planned_nodes(session.store, session.catalogue, plan)
    forecast = TimeForecast(nodes, default_cores())
    return forecast.left([node.key for node in nodes], {}).seconds


def one(session: Session, name: str, wanted: str, left: float) -> Smoke:
    """Build and check one package, for as long as there is time."""
    began = time.monotonic()
    cores = default_cores()
    try:
        with ended_after(left):
            session.realise(wanted, options=BuildOptions(cores, cores))
    except (Interrupted, KeyboardInterrupt):
        if time.monotonic() - began < left:
            raise  # somebody pressed Ctrl-C
        return Smoke(name, Outcome.LEFT, ": it was stopped at the limit")
    except (BuildError, SourceError) as error:
        return Smoke(name, Outcome.FAILED, "", error)
    took = seconds_text(time.monotonic() - began)
    checked = " and checked" if wanted != name else ""
    return Smoke(name, Outcome.BUILT, f"{checked} in {took}")


@contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """Interrupt the work within as Ctrl-C does, when its time is over."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


if __name__ == "__main__":
    run_script(main)
