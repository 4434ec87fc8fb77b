"""Realising packages and printing their outputs, as ``store realise`` does."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from store.cli.context import Context
from store.errors import StoreError, UsageError

if TYPE_CHECKING:
    from store.cache.cache_options import CacheOptions
    from store.cli.draw import ClosedReporter, Loudness
    from store.events import Event, Unrealised
    from store.local.leases import Lease
    from store.model.derivation import Ref
    from store.model.image_request import ImageRequest
    from store.model.names import ObjectId
    from store.scheduler.build_options import BuildOptions


def realise(
    context: Context,
    packages: Sequence[str],
    options: BuildOptions | None = None,
    loudness: Loudness = "usual",
    *,
    as_json: bool = False,
    out_link: str | None = None,
    caches: CacheOptions | None = None,
) -> None:
    """Realise packages, draw the work, and print a line for each output.

    ``options`` and ``caches`` are those of a session where none are given. With ``out_link``, a
    link to the one output is made. Raises UsageError for several, and the errors of realising.
    """
    context.absent = "make"
    goals = named_outputs(context, packages, out_link)
    _realise_goals(context, goals, options, loudness, caches, as_json=as_json, out_link=out_link)


def realise_image(
    context: Context,
    packages: Sequence[str],
    request: ImageRequest,
    name: str | None,
    options: BuildOptions,
    loudness: Loudness,
    *,
    as_json: bool,
    out_link: str | None,
    caches: CacheOptions | None,
) -> None:
    """Realise an image of packages as :func:`realise` does packages. Raises InvalidName for what no
    image can have, and the errors of realising."""
    from store.operations.image_plan import plan_image

    context.absent = "make"
    context.catalogue  # noqa: B018 (with the user's limit of time)
    ref = plan_image(context.session, packages, request, name)
    goals = [(ref.name, ref)]
    _realise_goals(context, goals, options, loudness, caches, as_json=as_json, out_link=out_link)


def _realise_goals(
    context: Context,
    goals: Sequence[tuple[str, Ref]],
    options: BuildOptions | None,
    loudness: Loudness,
    caches: CacheOptions | None,
    *,
    as_json: bool,
    out_link: str | None,
) -> None:
    # With a link to be made, what it is to name is held until it is there.
    with context.store.leases.begin() if out_link else contextlib.nullcontext() as keep:
        refs = [ref for _, ref in goals]
        objects = realise_refs(context, refs, keep, options, loudness, caches, as_json=as_json)
        if out_link:
            context.store.roots.link(out_link, objects[goals[0][1]])
    for text, ref in goals:
        _print_output(context, text, ref, objects[ref], as_json)


def realise_refs(
    context: Context,
    refs: Sequence[Ref],
    keep: Lease | None = None,
    options: BuildOptions | None = None,
    loudness: Loudness = "usual",
    caches: CacheOptions | None = None,
    *,
    as_json: bool = False,
) -> Mapping[Ref, ObjectId]:
    """Realise outputs, draw the work, and keep the objects by a lease, if there is one.

    Each failure is a line of output ``as_json``. Raises the errors of realising.
    """
    with drawn(context, loudness) as reporter:
        realiser = context.session.realiser(options, caches)
        try:
            return realiser.run(list(refs), keep)
        except StoreError:
            if as_json:
                _print_failure(reporter.unrealised)
            raise


@contextlib.contextmanager
def drawn(context: Context, loudness: Loudness = "usual") -> Iterator[LateReporter]:
    """Draw on standard error all that a session's work emits meanwhile."""
    reporter = context.session.reporter = LateReporter(loudness)
    try:
        context.store  # noqa: B018 (it warns of where it is)
        yield reporter
    finally:
        reporter.close()


def named_outputs(
    context: Context, packages: Sequence[str], out_link: str | None
) -> list[tuple[str, Ref]]:
    """Return the outputs that the packages mean, each with the word that means it. Raises
    UnknownPackage, UnknownOutput, and UsageError for several where a link is to be made."""
    goals = [(text, ref) for text in packages for ref in context.catalogue.refs(text)]
    if out_link and len(goals) > 1:
        raise UsageError("--out-link takes one output")
    return goals


def _print_output(context: Context, text: str, ref: Ref, oid: ObjectId, as_json: bool) -> None:
    if not as_json:
        print(oid.path)
        return
    import json

    record = {
        "package": text,
        "output": ref.output,
        "path": oid.path,
        "physical": context.store.layout.object(oid),
        "derivation": ref.node.hex(),
    }
    print(json.dumps(record))


class LateReporter:
    """Draws events on standard error, and keeps how the last run failed. Its modules are loaded at
    the first event: most runs have none."""

    def __init__(self, loudness: Loudness) -> None:
        self._loudness = loudness
        self._drawing: ClosedReporter | None = None
        self.unrealised: Unrealised | None = None

    def emit(self, event: Event) -> None:
        """Draw ``event``."""
        from store.events import Unrealised

        if isinstance(event, Unrealised):
            self.unrealised = event
        if self._drawing is None:
            from store.cli.draw import make_reporter

            self._drawing = make_reporter(sys.stderr, self._loudness)
        self._drawing.emit(event)

    def close(self) -> None:
        """Close the reporter: nothing more will come."""
        if self._drawing is not None:
            self._drawing.close()


def _print_failure(event: Unrealised | None) -> None:
    """Print a line for each failure and for each node that was not tried for one."""
    import json

    for failed in event.failed if event else ():
        record = {
            "failed": failed.name,
            "derivation": failed.key.hex(),
            "error": str(failed.error),
            "exit_code": getattr(failed.error, "exit_code", 1),
        }
        print(json.dumps(record))
    for undone in event.undone if event else ():
        needs = {"derivation": undone.key.hex(), "needs": undone.needs}
        print(json.dumps({"undone": undone.name} | needs))
