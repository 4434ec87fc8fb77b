"""``store delete``."""

from __future__ import annotations

import json
import sys

import click

from store.cli.commands.gc import refuse_partial
from store.cli.context import Context
from store.cli.draw import make_reporter
from store.cli.options import json_option, seed_option
from store.cli.parameter_types import PACKAGE
from store.gc.deletion import delete


@click.command("delete")
@click.argument("objects", nargs=-1, required=True, metavar="OBJECT…", type=PACKAGE)
@json_option("object")
@seed_option
@click.pass_obj
def command(context: Context, objects: tuple[str, ...], as_json: bool) -> None:
    """Delete objects that nothing keeps, together with all objects that refer to them.

    If something keeps one of them, nothing is deleted and the reason is shown. The objects that
    they refer to are left in the store.
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
