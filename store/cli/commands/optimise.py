"""``store optimise``."""

from __future__ import annotations

import json

import click

from store.cli.context import Context
from store.quantities import bytes_text


@click.command("optimise")
@click.option("--json", "as_json", is_flag=True, help="JSON lines.")
@click.pass_obj
def command(context: Context, as_json: bool) -> int:
    """Make equal files of objects one file on disk, where they are not yet.

    Objects share when they are added; this is for stores where links were lost, as by a copy.
    The exit code is 1 when an object could not be shared.
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
