"""Realise a package and print what every derivation below it took: seconds, bytes, memory."""

from __future__ import annotations

import resource
import sys
import time

import click

from store.cli.context import Context
from store.cli.draw import bytes_text, make_reporter, seconds_text
from store.errors import StoreError
from store.knowledge import Knowledge, kind
from store.scheduler.options import Options, default_cores
from store.scheduler.realise import Realiser


@click.command()
@click.argument("package", default="gcc")
@click.option("--root", help="The store's root, as for `store`.")
@click.option("--sources", is_flag=True, help="With fetched files.")
def main(package: str, root: str | None, sources: bool) -> None:
    """Realise PACKAGE and print a table of every derivation below it."""
    context = Context(root, None, False)
    cores = default_cores()
    goal = context.catalogue.ref(package)
    reporter = make_reporter(sys.stderr)
    realiser = Realiser(context.store, context.catalogue, Options(cores, cores), reporter)
    began = time.monotonic()
    try:
        realiser.run([goal])
    except StoreError as error:
        raise click.ClickException(error.message) from error
    finally:
        reporter.close()
    wall = time.monotonic() - began
    table(context, goal.node, sources)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(f"\nthis run: {seconds_text(wall)}, largest process {bytes_text(peak)}, {cores} cores")


def table(context: Context, goal: bytes, sources: bool) -> None:
    """One row a derivation, in the order in which they can be built."""
    knowledge = Knowledge(context.store, context.catalogue)
    knowledge.identify(context.catalogue.build_closure([goal]))
    names = {package.node: name for name, package in context.catalogue.packages.items()}
    print(f"{'derivation':44} {'kind':7} {'seconds':>8} {'output':>10} {'memory':>10}")
    total = 0.0
    for node in context.catalogue.build_closure([goal]):
        value = context.catalogue.nodes[node]
        if kind(value) == "fetch" and not sources:
            continue
        key = knowledge.key(node)
        objects = knowledge.objects(node)
        records = context.store.realisations(key, value.outputs[0]) if key else []
        seconds = records[-1].duration / 1000 if records else 0.0
        memory = bytes_text(records[-1].max_rss) if records and records[-1].max_rss else ""
        size = context.store.total_size(objects.values())
        total += seconds
        label = f"{value.name} ({names[node]})" if node in names else value.name
        print(f"{label:44} {kind(value):7} {seconds:8.1f} {bytes_text(size):>10} {memory:>10}")
    print(f"{'together':44} {'':7} {total:8.1f}")


if __name__ == "__main__":
    main()
