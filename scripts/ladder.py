"""The times of the ladder's derivations: below one package that is realised, or of every stage."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator

import click

from scripts.ending import run_script
from store.cli.context import Context
from store.cli.draw import make_reporter
from store.errors import StoreError
from store.graph.resolver import Resolver
from store.model.catalogue import GraphNode
from store.model.derivation import kind
from store.model.realisation import Realisation
from store.quantities import bytes_text, seconds_text
from store.scheduler.build_options import BuildOptions, default_cores
from store.scheduler.realise import Realiser

SEEDS = ("debian", "zig", "tcc")
STAGES = ("stage1", "stage2")


@click.command()
@click.argument("package", default="gcc")
@click.option("--root", help="The store's root, as for `store`.")
@click.option("--sources", is_flag=True, help="With fetched files.")
@click.option("--stages", is_flag=True, help="Realise nothing; stages and seeds side by side.")
@click.option("--seeds", is_flag=True, help="Realise nothing; what PACKAGE took on each seed.")
def main(package: str, root: str | None, sources: bool, stages: bool, seeds: bool) -> None:
    """Realise PACKAGE and print a table of every derivation below it."""
    context = Context(root, None, False)
    try:
        if stages:
            side_by_side(context)
        elif seeds:
            compare_seeds(context, package)
        else:
            realise(context, package, sources)
    except StoreError as error:
        raise click.ClickException(error.message) from error


def realise(context: Context, package: str, sources: bool) -> None:
    """Realise a package, and print the table and the cost of this run."""
    cores = default_cores()
    goal = context.catalogue.ref(package)
    reporter = make_reporter(sys.stderr)
    realiser = Realiser(context.store, context.catalogue, BuildOptions(cores, cores), reporter)
    began = time.monotonic()
    try:
        realiser.run([goal])
    finally:
        reporter.close()
    wall = time.monotonic() - began
    table(context, goal.node, sources)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(f"\nthis run: {seconds_text(wall)}, largest process {bytes_text(peak)}, {cores} cores")


def table(context: Context, goal: bytes, sources: bool) -> None:
    """One row a derivation, in the order in which they can be built."""
    resolver = Resolver(context.store, context.catalogue)
    resolver.identify(context.catalogue.build_closure([goal]))
    names = {package.node: name for name, package in context.catalogue.packages.items()}
    print(f"{'derivation':44} {'kind':7} {'seconds':>8} {'output':>10} {'memory':>10}")
    total = 0.0
    for node in context.catalogue.build_closure([goal]):
        value = context.catalogue.nodes[node]
        if kind(value) == "fetch" and not sources:
            continue
        objects = resolver.objects(node)
        record = recorded(context, resolver, value)
        seconds = record.duration / 1000 if record else 0.0
        memory = bytes_text(record.max_rss) if record and record.max_rss else ""
        size = context.store.objects.total_size(objects.values())
        total += seconds
        label = f"{value.name} ({names[node]})" if node in names else value.name
        print(f"{label:44} {kind(value):7} {seconds:8.1f} {bytes_text(size):>10} {memory:>10}")
    print(f"{'together':44} {'':7} {total:8.1f}")


def recorded(context: Context, resolver: Resolver, node: GraphNode) -> Realisation | None:
    """The newest realisation of a node's first output."""
    key = resolver.key(node.digest)
    records = context.store.realisations.of(key, node.outputs[0]) if key else []
    return records[-1] if records else None


def side_by_side(context: Context) -> None:
    """A table in Markdown: each package's object in each stage on each seed, and what it took.

    Without seconds where nothing was built: the same inputs had been built before.
    """
    columns = [(seed, stage) for seed in SEEDS for stage in STAGES]
    print("| package |", " | ".join(f"{stage}, {seed} | s" for seed, stage in columns), "|")
    print("| --- |", " | ".join("--- | ---:" for _ in columns), "|")
    known = {}
    for seed in SEEDS:
        catalogue = context.catalogue_on(seed)
        known[seed] = catalogue, Resolver(context.store, catalogue)
        known[seed][1].identify(package.node for package in catalogue.packages.values())
    for name in known[SEEDS[0]][0].packages:
        if name.startswith("stage1."):
            short = name.removeprefix("stage1.")
            nodes = []
            for seed, stage in columns:
                catalogue, resolver = known[seed]
                node = catalogue.nodes[catalogue.package(f"{stage}.{short}").node]
                nodes.append((resolver, node))
            print(f"| {short} |", " | ".join(cells(context, nodes)), "|")


def compare_seeds(context: Context, package: str) -> None:
    """One row a seed: the builds below a package, without fetches, and what they took.

    A build that two seeds share counts for both. Where one is missing, a sum is no figure.
    """
    catalogues = {seed: context.catalogue_on(seed) for seed in SEEDS}
    goals = {seed: each.package(package).node for seed, each in catalogues.items()}
    first: float | None = None
    print(f"{'seed':8} {'builds':>7} {'missing':>8} {'seconds':>8} {'ratio':>6} {'memory':>10}")
    for seed, catalogue in catalogues.items():
        resolver = Resolver(context.store, catalogue)
        closure = list(catalogue.build_closure([goals[seed]]))
        resolver.identify(closure)
        nodes = [catalogue.nodes[digest] for digest in closure]
        found = [recorded(context, resolver, node) for node in nodes if kind(node) != "fetch"]
        there = [record for record in found if record]
        seconds = sum(record.duration for record in there) / 1000
        memory = max((record.max_rss or 0 for record in there), default=0)
        missing = len(found) - len(there)
        first = seconds if seed == SEEDS[0] and not missing else first
        ratio = f"{seconds / first:.2f}" if first and not missing else ""
        counts = f"{len(found):7} {missing:8}"
        print(f"{seed:8} {counts} {seconds:8.0f} {ratio:>6} {bytes_text(memory):>10}")


def cells(context: Context, nodes: list[tuple[Resolver, GraphNode]]) -> Iterator[str]:
    """The beginning of each node's store path, and seconds."""
    seen: set[bytes] = set()
    for resolver, node in nodes:
        record = recorded(context, resolver, node)
        if record is None:
            yield "not built |"
        else:
            again = record.key in seen
            seen.add(record.key)
            seconds = "" if again else f"{record.duration / 1000:.0f}"
            yield f"`{record.object.path[:15]}` | {seconds}"


if __name__ == "__main__":
    run_script(main)
