"""``store optimise``."""

from __future__ import annotations

import json

import click

from store.cli.context import Context
from store.cli.options import json_option
from store.quantities import bytes_text


@click.command("optimise")
@json_option("object")
@click.pass_obj
def command(context: Context, as_json: bool) -> int:
    """Join equal files of objects into one file on disk, if they are still separate.

    Objects share files from the start; this is for stores that lost links, as by a copy. The exit
    code is 1 if an object could not be shared.
    """
    from store.verify.optimise import optimise

    saved, problems = 0, 0
    for done in optimise(context.store):
        saved += done.saved
        problems += bool(done.problem)
        if as_json:
            record = {"path": done.object.path, "saved": done.saved, "problem": done.problem}
            print(json.dumps(record))
        else:
            print(f"{done.object.path}  {done.problem or bytes_text(done.saved)}")
    click.echo(f"saved {bytes_text(saved)}", err=True)
    return 1 if problems else 0
