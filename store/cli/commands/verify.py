"""``store verify``."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from store.cli.context import Context
from store.cli.counting import Counting
from store.cli.misuse import FindingCommand
from store.cli.options import PACKAGE, Duration, execution_options, json_option
from store.cli.wording import counted
from store.errors import (
    CorruptObject,
    FormatError,
    HelperEnded,
    Interrupted,
    InvalidName,
    NoStore,
    NotAStore,
    StoreError,
    UnknownObject,
    UsageError,
)
from store.model.names import STORE_DIR, ObjectId

if TYPE_CHECKING:
    from store.scheduler.build_options import BuildOptions
    from store.verify.verifier import VerificationOutcome


class Asked(NamedTuple):
    """The command line's arguments. ``budget`` in seconds, ``source`` another store's folder;
    ``options`` are those of builds."""

    objects: tuple[str, ...]
    contents: bool
    budget: float | None
    repair: bool
    source: str | None
    rebuild: bool
    as_json: bool
    options: BuildOptions


@click.command("verify", cls=FindingCommand)
@click.argument("objects", nargs=-1, metavar="[OBJECT…]", type=PACKAGE)
@click.option("--contents", is_flag=True, help="Read every byte, each inode once.")
@click.option(
    "--budget",
    type=Duration(),
    help="Read for this long; begin with the objects that were verified longest ago.",
)
@click.option("--repair", is_flag=True, help="Replace damaged objects; quarantine the rest.")
@click.option("--from", "source", metavar="STORE", help="Repair from this other store's folder.")
@click.option(
    "--rebuild/--no-rebuild",
    default=True,
    help="Let --repair build and fetch objects again if nothing else has them (default: yes).",
)
@execution_options
@json_option("finding")
@click.pass_obj
def command(context: Context, /, **given: Any) -> int:
    """Check the store against its digests: index, manifests, objects, shared files.

    Every finding is listed. The exit code is 0 if nothing is damaged, or if --repair mended all; it
    is 2 if damage remains, and 1 if the check itself failed. An unknown object is 15, a missing
    store 59, a folder of something else 62, a wrong command line 64. The options of builds are for
    --repair.
    """
    asked = Asked(**given)
    try:
        if asked.source and not asked.repair:
            raise UsageError("--from is for --repair")
        return _verify(context, asked)
    except (Interrupted, UsageError, UnknownObject, NoStore, NotAStore):
        raise
    except StoreError as error:
        vars(error)["exit_code"] = 1
        raise


def _verify(context: Context, asked: Asked) -> int:
    from store.verify.verifier import Verifier
    from store.verify.without_index import index_findings

    context.check_store()
    counting = Counting(sys.stderr)
    write = _after(counting, _write_json if asked.as_json else print)
    try:
        # Before the store is opened here.
        index = None if asked.objects else index_findings(context.root)
    except (CorruptObject, HelperEnded) as error:
        _look_without_index(context, asked, write, counting, error)
        raise
    chosen = [_chosen(context, text) for text in asked.objects]
    verifier = Verifier(
        context.store, write, counting, contents=asked.contents, budget=asked.budget
    )
    outcome = verifier.run(chosen, index)
    counting.erase()
    _sum_up(outcome, asked)
    if asked.repair:
        from store.cli.repairing import repair_found
        from store.operations.repair import RepairOptions

        how = RepairOptions(asked.options, asked.source, asked.rebuild)
        return repair_found(context, how, verifier, chosen, as_json=asked.as_json)
    return 2 if outcome.errors else 0


def _after(counting: Counting, write: Callable[[object], None]) -> Callable[[object], None]:
    def written(finding: object) -> None:
        counting.erase()
        write(finding)

    return written


def _look_without_index(
    context: Context,
    asked: Asked,
    write: Callable[[object], None],
    counting: Counting,
    error: StoreError,
) -> None:
    from store.layout.paths import Layout
    from store.verify.without_index import BareVerifier

    layout = Layout(context.root)
    verifier = BareVerifier(layout, write, counting, contents=asked.contents, budget=asked.budget)
    outcome = verifier.run(error.message)
    counting.erase()
    _sum_up(outcome, asked)


def _sum_up(outcome: VerificationOutcome, asked: Asked) -> None:
    sys.stdout.flush()
    how = "read" if asked.contents or asked.budget is not None else "looked at"
    click.echo(
        f"{outcome.looked} of {counted(outcome.due, 'object')} {how}: "
        f"{counted(outcome.errors, 'finding')}, {counted(outcome.notes, 'note')}",
        err=True,
    )


def _write_json(finding: object) -> None:
    from store.verify.finding import Finding

    assert isinstance(finding, Finding)
    print(json.dumps(finding.to_record()))


def _chosen(context: Context, text: str) -> ObjectId:
    """Return the object that is meant, damaged or not."""
    for prefix in (STORE_DIR, context.store.layout.objects):
        if text.startswith(prefix + "/"):
            with contextlib.suppress(FormatError, InvalidName):
                oid = ObjectId.parse(text.removeprefix(prefix + "/").partition("/")[0])
                if oid in context.store.objects.find(oid.text):
                    return oid
    return context.object(text)
