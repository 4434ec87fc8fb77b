"""``store info``."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from store.cli.context import Context
from store.cli.options import json_option, seed_option
from store.cli.parameter_types import PACKAGE
from store.cli.wording import counted
from store.display import printable
from store.model.realisation import Realisation
from store.quantities import bytes_text, seconds_text


@click.command("info")
@click.argument("object", metavar="OBJECT", type=PACKAGE)
@json_option()
@seed_option
@click.pass_obj
def command(context: Context, object: str, as_json: bool) -> None:
    """Show an object's size, references, referrers and builds."""
    store = context.store
    oid = context.object(object)
    manifest = store.objects.manifest(oid)
    closure = store.objects.closure((oid,))
    record = {
        "path": oid.path,
        "physical": store.layout.object(oid),
        "size": manifest.size,
        "closure_objects": len(closure),
        "closure_size": store.objects.total_size(closure),
        "refers_to_itself": manifest.refers_to_itself,
        "references": [str(other) for other in manifest.references],
        "referrers": [str(other) for other in store.objects.referrers(oid)],
        "tree": manifest.root.digest().hex(),
        "realisations": [
            {
                "key": made.key.hex(),
                "output": made.output,
                "builder": made.builder,
                "host": made.host,
                "sandbox": made.level,
                "log": made.log.hex() if made.log else None,
                "started": made.started,
                "seconds": made.duration / 1000,
                "max_rss": made.max_rss,
                "origin": made.origin.how.value,
                "imported_from": made.origin.shown_place or None,
                "signed_by": list(made.origin.signers),
            }
            for made in store.realisations.makers(oid)
        ],
    }
    if as_json:
        print(json.dumps(record, indent=2))
        return
    print(f"path        {record['path']}")
    print(f"physically  {record['physical']}")
    print(f"size        {bytes_text(manifest.size)}")
    size = bytes_text(store.objects.total_size(closure))
    print(f"closure     {counted(len(closure), 'object')}, {size}")
    itself = " and to itself" if manifest.refers_to_itself else ""
    print(f"refers      to {counted(len(manifest.references), 'object')}{itself}")
    for other in manifest.references:
        print(f"  -> {other}")
    referrers = store.objects.referrers(oid)
    print(f"referrers   {len(referrers)}")
    for other in referrers:
        print(f"  <- {other}")
    for made in store.realisations.makers(oid):
        print(f"made        {_made(made)}")


def _made(made: Realisation) -> str:
    """Return when, how and by whom it was made, and the reason to believe it."""
    when = datetime.fromtimestamp(made.started, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    by = f" by {made.builder} on {made.host}" if made.builder else ""
    told = (
        f"{when} in {seconds_text(made.duration / 1000)}{by}, sandbox {made.level}, "
        f"as output {made.output} of {made.key.hex()}; {made.origin}"
    )
    return printable(told)
