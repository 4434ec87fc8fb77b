"""Looking at a store and repairing it, as ``store verify`` does."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from store.cli.context import Context
from store.cli.verification_lines import VerificationLines
from store.errors import (
    WRONG_LINE,
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


class VerificationRequest(NamedTuple):
    """The objects to look at (all, where none is named), and the treatment of damage. ``budget`` in
    seconds, ``source`` another store's folder; with ``rebuild``, a repair may build by
    ``options``."""

    objects: Sequence[str] = ()
    contents: bool = False
    budget: float | None = None
    repair: bool = False
    source: str | None = None
    rebuild: bool = True
    as_json: bool = False
    options: BuildOptions | None = None


def verify(context: Context, request: VerificationRequest) -> int:
    """Look at the store, and print each finding; with ``repair``, repair damaged objects and look
    again. Returns the exit code. An error of the look itself has the code 1, a UsageError 64."""
    try:
        if request.source and not request.repair:
            raise UsageError("--from is for --repair")
        return _verify(context, request)
    except UsageError as error:
        vars(error)["exit_code"] = WRONG_LINE
        raise
    except (Interrupted, UnknownObject, NoStore, NotAStore):
        raise
    except StoreError as error:
        vars(error)["exit_code"] = 1
        raise


def _verify(context: Context, request: VerificationRequest) -> int:
    context.check_store()
    read = request.contents or request.budget is not None
    lines = VerificationLines(as_json=request.as_json, read=read)
    verifier, chosen = _look(context, request, lines)
    lines.sum_up(verifier.outcome)
    if not request.repair:
        return 2 if verifier.outcome.errors else 0
    _repair(context, request, [item.id for item in verifier.damaged], lines)
    # Where nothing was wrong, nothing was changed.
    left = verifier.errors_left(chosen) if verifier.outcome.errors else []
    lines.sum_up_repair(left)
    return 2 if left else 0


def _repair(
    context: Context,
    request: VerificationRequest,
    damaged: Sequence[ObjectId],
    lines: VerificationLines,
) -> None:
    """Repair objects, and print how each repair ended."""
    from store.cli.draw import make_reporter
    from store.operations.repair import RepairPlan, repair  # both are slow to load

    plan = RepairPlan(damaged, request.source, request.options if request.rebuild else None)
    with (
        closing(make_reporter(sys.stderr)) as reporter,
        closing(repair(context.store, plan, reporter)) as outcomes,
    ):
        for mended in outcomes:
            lines.mended(mended)


def _look(
    context: Context, request: VerificationRequest, lines: VerificationLines
) -> tuple[Verifier, Sequence[ObjectId]]:
    """Look at the store, or the objects that were asked for; returns these, and the verifier.

    Raises CorruptObject or HelperEnded when the index cannot be read; all else was looked at then.
    """
    from store.verify.index_check import index_findings

    contents, budget = request.contents, request.budget
    try:
        # Before the store is opened here.
        index = [] if request.objects else index_findings(context.root, _load)
    except (CorruptObject, HelperEnded) as error:
        from store.layout.paths import Layout
        from store.verify.without_index import BareVerifier

        layout = Layout(context.root)
        bare = BareVerifier(layout, lines.found, lines.progress, contents=contents, budget=budget)
        lines.sum_up(bare.run(error.message))
        raise
    from store.verify.verifier import Verifier

    chosen = [context.registered(text) for text in request.objects]
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
