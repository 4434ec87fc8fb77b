"""``store verify``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from store.cli.context import Context
from store.cli.misuse import FindingCommand
from store.cli.options import execution_options, json_option
from store.cli.parameter_types import PACKAGE, Duration
from store.cli.verification_lines import VerificationLines
from store.errors import (
    CorruptObject,
    HelperEnded,
    Interrupted,
    NoStore,
    NotAStore,
    StoreError,
    UnknownObject,
    UsageError,
)

if TYPE_CHECKING:
    from store.model.names import ObjectId
    from store.scheduler.build_options import BuildOptions
    from store.verify.verifier import Verifier


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
    """Look at the store; with ``--repair``, repair damaged objects and look again. Returns the exit
    code."""
    context.check_store()
    read = asked.contents or asked.budget is not None
    lines = VerificationLines(as_json=asked.as_json, read=read)
    verifier, chosen = _look(context, asked, lines)
    lines.sum_up(verifier.outcome)
    if not asked.repair:
        return 2 if verifier.outcome.errors else 0
    _repair(context, asked, [item.id for item in verifier.damaged], lines)
    # Where nothing was wrong, nothing was changed.
    left = verifier.errors_left(chosen) if verifier.outcome.errors else []
    lines.sum_up_repair(left)
    return 2 if left else 0


def _repair(
    context: Context, asked: Asked, damaged: Sequence[ObjectId], lines: VerificationLines
) -> None:
    """Repair objects, and print how each repair ended."""
    from store.cli.draw import make_reporter
    from store.operations.repair import RepairPlan, repair  # both are slow to load

    plan = RepairPlan(damaged, asked.source, asked.options if asked.rebuild else None)
    with (
        closing(make_reporter(sys.stderr)) as reporter,
        closing(repair(context.store, plan, reporter)) as outcomes,
    ):
        for mended in outcomes:
            lines.mended(mended)


def _look(
    context: Context, asked: Asked, lines: VerificationLines
) -> tuple[Verifier, Sequence[ObjectId]]:
    """Look at the store, or the objects that were asked for; returns these, and the verifier.

    Raises CorruptObject or HelperEnded when the index cannot be read; all else was looked at then.
    """
    from store.verify.index_check import index_findings

    contents, budget = asked.contents, asked.budget
    try:
        # Before the store is opened here.
        index = [] if asked.objects else index_findings(context.root, _load)
    except (CorruptObject, HelperEnded) as error:
        from store.layout.paths import Layout
        from store.verify.without_index import BareVerifier

        layout = Layout(context.root)
        bare = BareVerifier(layout, lines.found, lines.progress, contents=contents, budget=budget)
        lines.sum_up(bare.run(error.message))
        raise
    from store.verify.verifier import Verifier

    chosen = [context.registered(text) for text in asked.objects]
    verifier = Verifier(
        context.store, lines.found, lines.progress, contents=contents, budget=budget
    )
    verifier.run(chosen, index)
    return verifier, chosen


def _load() -> None:
    """Load the modules that look at objects and note the look in the index."""
    import pickle  # noqa: F401 (results of other processes are read by it)

    from store.index import writing  # noqa: F401
    from store.verify import verifier  # noqa: F401
