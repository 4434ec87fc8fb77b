"""``store verify``."""

from __future__ import annotations

import json
import sys

import click

from store.cli.context import Context
from store.cli.options import PACKAGE, Duration
from store.errors import StoreError, UsageError
from store.model.names import STORE_DIR, ObjectId


class Verify(click.Command):
    """The command, whose exit code 2 says that something is damaged, and nothing else."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As ever, but a command line that cannot be parsed is 1."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            vars(error)["exit_code"] = 1
            raise


@click.command("verify", cls=Verify)
@click.argument("objects", nargs=-1, metavar="[OBJECT…]", type=PACKAGE)
@click.option("--contents", is_flag=True, help="Read every byte, each inode once.")
@click.option(
    "--budget",
    type=Duration(),
    help="Read for so long, what was verified least recently first.",
)
@click.option("--repair", is_flag=True, help="Take what is damaged anew; quarantine the rest.")
@click.option("--from", "source", metavar="STORE", help="Repair from this other store's folder.")
@click.option(
    "--rebuild/--no-rebuild",
    default=True,
    help="Whether --repair may build and fetch again what nothing else can give (default: yes).",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON line a finding.")
@click.pass_obj
def command(
    context: Context,
    objects: tuple[str, ...],
    contents: bool,
    budget: float | None,
    repair: bool,
    source: str | None,
    rebuild: bool,
    as_json: bool,
) -> int:
    """Compare the store with what its names promise: index, manifests, objects, shared files.

    Every finding is listed. The exit code is 0 when nothing is damaged (or nothing is any more,
    with --repair), 2 when something is, and 1 when the store could not be looked at
    or the command line cannot be understood.
    """
    try:
        if source and not repair:
            raise UsageError("--from is for --repair")
        return _verify(context, objects, contents, budget, repair, source, rebuild, as_json)
    except StoreError as error:
        vars(error)["exit_code"] = 1
        raise


def _verify(
    context: Context,
    objects: tuple[str, ...],
    contents: bool,
    budget: float | None,
    repair: bool,
    source: str | None,
    rebuild: bool,
    as_json: bool,
) -> int:
    from store.verify.run import Verifier

    store = context.store
    chosen = [_chosen(context, text) for text in objects]
    write = _write_json if as_json else print
    verifier = Verifier(store, write, contents=contents, budget=budget)
    outcome = verifier.run(chosen)
    sys.stdout.flush()
    how = "read" if contents or budget is not None else "looked at"
    click.echo(
        f"{outcome.looked} of {outcome.due} objects {how}: "
        f"{outcome.errors} findings, {outcome.notes} notes",
        err=True,
    )
    if repair:
        from store.cli.repairing import repair_found

        return repair_found(
            context, verifier, source, rebuild=rebuild, as_json=as_json, chosen=chosen
        )
    return 2 if outcome.errors else 0


def _write_json(finding: object) -> None:
    from store.verify.finding import Finding

    assert isinstance(finding, Finding)
    print(json.dumps(finding.to_record()))


def _chosen(context: Context, text: str) -> ObjectId:
    """The object that is meant, damaged or not."""
    for prefix in (STORE_DIR, context.store.layout.objects):
        if text.startswith(prefix + "/"):
            oid = ObjectId.parse(text.removeprefix(prefix + "/").partition("/")[0])
            if oid in context.store.find(oid.text):
                return oid
    return context.object(text)
