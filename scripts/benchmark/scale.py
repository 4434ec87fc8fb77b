"""``scripts/bench scale``: work at the size of real stores, beside a peer where one is installed.

Every figure is from this run, on this machine: compare only within one. Ours and the peer's work
are done in turns, each as a whole process, on stores of their own in one folder, which is removed
at the end.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec

import click

from scripts.benchmark import nix
from scripts.benchmark.figures import Figure, machine, markdown, shown
from scripts.benchmark.measure import Failed
from scripts.benchmark.plan import FULL, SMALL, Bench, remove
from scripts.benchmark.rows.caches import caches
from scripts.benchmark.rows.farms import farms
from scripts.benchmark.rows.files import large_files, source_trees
from scripts.benchmark.rows.graphs import builds
from scripts.benchmark.rows.growth import growth
from scripts.benchmark.rows.objects import objects
from scripts.benchmark.rows.operator import operator

ROWS: Mapping[str, Callable[[Bench], Iterator[Figure]]] = {
    "builds": builds,
    "cache": caches,
    "farm": farms,
    "objects": objects,
    "growth": growth,
    "large": large_files,
    "trees": source_trees,
    "operator": operator,
}

LONG = ("cache", "farm", "operator")
"""Rows that are measured only when they are asked for."""

USUAL = tuple(name for name in ROWS if name not in LONG)


class Rows(click.ParamType[tuple[str, ...]]):
    """Names of rows, with commas between them."""

    name = "rows"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The names; fails for one that is none."""
        if isinstance(value, tuple):
            return value
        chosen = tuple(str(value).split(","))
        for name in chosen:
            if name not in ROWS:
                self.fail(f"{name!r} is not a row; there are {', '.join(ROWS)}", param, ctx)
        return chosen


@click.command("scale")
@click.option(
    "--rows",
    type=Rows(),
    default=USUAL,
    help=f"Of {', '.join(ROWS)}; all but {', '.join(LONG)} by default.",
)
@click.option("--small", is_flag=True, help="Toy sizes: to see that every row works, not how fast.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line a figure.")
@click.option(
    "--plot", type=click.Path(dir_okay=False), help="Draw the row `growth` as this SVG file."
)
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False),
    default="/var/tmp",
    show_default=True,
    help="Where the stores are made; all of them need 25 GB in it.",
)
@click.option("--alone", is_flag=True, help="Without the peer, though it is installed.")
@click.option(
    "--patience", default=600.0, show_default=True, help="Seconds for one peer's process."
)
def command(
    rows: tuple[str, ...],
    small: bool,
    as_json: bool,
    plot: str | None,
    folder: str,
    alone: bool,
    patience: float,
) -> None:
    """Do work at the size of real stores, and print a table of what it took.

    Where Nix is installed, it does the same work in the same run, in turns with us.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    peer = None if alone else nix.version()
    before = machine()
    place = tempfile.mkdtemp(prefix="fixpoint-bench-", dir=folder)
    try:
        bench = Bench(place, SMALL if small else FULL, peer, patience, _say, plot)
        figures, failures = _measure(bench, rows, as_json)
    finally:
        remove(place)
    if not as_json:
        print(f"{before}; afterwards {machine().rpartition('; ')[2]}\n")
        print(markdown(figures, peer or "no peer"))
    if failures:
        raise click.ClickException("; ".join(failures))


@click.command("cache")
@click.option("--small", is_flag=True, help="Toy sizes.")
@click.option("--folder", type=click.Path(exists=True, file_okay=False), default="/var/tmp")
@click.pass_context
def cache(caller: click.Context, small: bool, folder: str) -> None:
    """Push and pull, beside the peer, and build by workers: the rows `cache` and `farm`, which
    needs the extra `reapi` in this Python."""
    caller.invoke(
        command,
        rows=("cache", "farm") if find_spec("grpc") else ("cache",),
        small=small,
        folder=folder,
    )


def _measure(bench: Bench, rows: Sequence[str], as_json: bool) -> tuple[list[Figure], list[str]]:
    """Every figure, and every failure; after a row that fails, the others are measured, too."""
    figures, failures = [], []
    for name in rows:
        try:
            for figure in ROWS[name](bench):
                figures.append(figure)
                _say(f"{figure.work}: {shown(figure.ours, figure.unit)}")
                if as_json:
                    print(figure.to_json(), flush=True)
        except Failed as error:
            failures.append(f"{name}: {error}")
        bench.vacate(name)
    return figures, failures


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
