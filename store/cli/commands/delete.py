"""``store delete``."""

from __future__ import annotations

import json
import sys

import click

from store.cli.commands.gc import refuse_partial
from store.cli.context import Context
from store.cli.draw import make_reporter
from store.cli.options import PACKAGE, seed_option
from store.gc.deletion import delete


@click.command("delete")
@click.argument("objects", nargs=-1, required=True, metavar="OBJECT…", type=PACKAGE)
@click.option("--json", "as_json", is_flag=True, help="JSON lines.")
@seed_option
@click.pass_obj
def command(context: Context, objects: tuple[str, ...], as_json: bool) -> None:
    """Delete objects that nothing keeps, with what refers to them.

    Refused, with the reason, when something keeps one of them. What they refer to stays.
    """
    context.collecting = True
    oids = [oid for text in objects for oid in context.objects(text)]
    reporter = make_reporter(sys.stderr)
    try:
        outcome = delete(context.store, oids, reporter)
    finally:
        reporter.close()
    for oid in outcome.deleted:
        print(json.dumps({"deleted": oid.path}) if as_json else oid.path)
    refuse_partial(outcome)
