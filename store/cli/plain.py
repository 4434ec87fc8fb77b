"""Events as plain lines, one for each that matters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from store import events
from store.cli.wording import counted, shown_message
from store.errors import StoreError
from store.events import Event
from store.quantities import bytes_text, seconds_text

WRONG = (
    events.Failed
    | events.Stopping
    | events.Unrealised
    | events.Mixed
    | events.Lost
    | events.Absent
    | events.CacheTrouble
    | events.Disputed
    | events.NothingToFree
    | events.Retrying
)
"""Events of errors, or of decisions for the user."""


_BEGUN = {
    "build": "building",
    "rebuild": "rebuilding",
    "fetch": "fetching",
    "unpack": "unpacking",
    "image": "writing",
    "pull": "downloading",
}


class Plain:
    """One line an event that matters; with ``verbose``, one for each phase of a build, too."""

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        self._stream = stream
        self._verbose = verbose
        self._total = 0
        self._done = 0
        self._removing: set[bytes] = set()

    def emit(self, event: Event) -> None:
        """Write what ``event`` means for the user, if anything."""
        for line in self._lines(event):
            try:
                print(shown_message(line), file=self._stream, flush=True)
            except OSError:
                return  # a log on the full disk must not stop who makes room, or builds

    def close(self) -> None:
        """End the reporter: nothing more will come."""

    def _lines(self, event: Event) -> list[str]:
        match event:
            case events.Planned(builds, fetches):
                self._total = (
                    self._done + builds + fetches
                )  # more than once when it is planned anew
                return [f"{builds} to build, {fetches} to fetch"]
            case events.Started():
                return [_started(event)]
            case events.Examining() | events.Examined():
                return [self._examined(event)]
            case events.Finished(kind="rebuild"):
                return []
            case events.Finished(kind="pull", name=name, seconds=seconds, size=size):
                return [f"downloaded {name} ({bytes_text(size)}) in {seconds_text(seconds)}"]
            case events.Waiting() | events.Queued() | events.Unattended():
                return held_up(event)
            case events.Phase() | events.Reused() | events.Removing() | events.Removed():
                return self._on_the_way(event)
            case events.Finished():
                self._done += 1
                return [self._finished(event)]
            case events.Failed(error=error, whole=whole):
                return failure_lines(error) if whole else [f"failed: {first_line(error)}"]
            case events.Collected(objects, freed, seconds) if objects or freed:
                text = f"deleted {counted(objects, 'object')}, freed {bytes_text(freed)}"
                return [f"{text} in {seconds_text(seconds)}"]
            case events.NothingToFree() | events.Stopping() | events.Unrealised():
                return list(_told(event))
            case (
                events.Mixed()
                | events.Lost()
                | events.Retrying()
                | events.Absent()
                | events.CacheTrouble()
                | events.Disputed()
            ):
                return [_warning(event)]
        return []

    def _examined(self, event: events.Examining | events.Examined) -> str:
        if isinstance(event, events.Examining):
            self._total = event.nodes
            return f"{event.nodes} to examine"
        self._done += 1
        more = f" ({event.detail})" if event.detail else ""
        return f"[{self._done}/{self._total}] {event.verdict}: {event.name}{more}"

    def _on_the_way(
        self, event: events.Phase | events.Reused | events.Removing | events.Removed
    ) -> list[str]:
        match event:
            case events.Phase(_, name, phase) if self._verbose:
                return [f"{name}: {phase}"]
            case events.Reused():
                self._done += 1
            case events.Removing(key, name, _) if key not in self._removing:
                self._removing.add(key)
                return [f"removing the leftovers of {name}, which takes some time"]
            case events.Removed(key):
                self._removing.discard(key)
        return []

    def _finished(self, event: events.Finished) -> str:
        verb = {"fetch": "fetched", "unpack": "unpacked", "image": "wrote"}.get(event.kind, "built")
        of = f"/{self._total}" if self._total else ""  # a repair does not know how many
        return (
            f"[{self._done}{of}] {verb} {event.name} "
            f"in {seconds_text(event.seconds)}  {' '.join(event.paths)}"
        )


class Quiet(Plain):
    """A reporter of nothing but errors and decisions."""

    def emit(self, event: Event) -> None:
        """Write what ``event`` means, if it is of that kind."""
        if isinstance(event, WRONG):
            super().emit(event)


def _started(event: events.Started) -> str:
    is_build = event.kind in ("build", "rebuild")
    usual = f" (usually {seconds_text(event.expected)})" if is_build and event.expected else ""
    return f"{_BEGUN.get(event.kind, 'unpacking')} {event.name}{usual}"


def _told(event: events.NothingToFree | events.Stopping | events.Unrealised) -> Iterator[str]:
    match event:
        case events.NothingToFree():
            return _nothing_to_free(event)
        case events.Stopping():
            return _stopping(event)
        case events.Unrealised():
            return _unrealised(event)


def _stopping(event: events.Stopping) -> Iterator[str]:
    if event.ended:
        yield f"ended: fetching {', '.join(event.ended)}"
    if event.left:
        yield f"{event.left} more {'is' if event.left == 1 else 'are'} not started"
    if event.finishing:
        yield f"still to finish (Ctrl-C ends them): {', '.join(event.finishing)}"


def _unrealised(event: events.Unrealised) -> Iterator[str]:
    """Yield the failures by name, and the nodes not tried; without ``-k``, all failures are
    reported by then."""
    if not event.keep_going or (len(event.failed) == 1 and not event.undone):
        return
    yield f"{len(event.failed)} failed:"
    for failed in event.failed:
        yield f"  {failed.name}: {first_line(failed.error)}"
    if event.undone:
        yield f"{len(event.undone)} not built, because of the failures below them:"
    for undone in event.undone:
        yield f"  {undone.name} (needs {', '.join(undone.needs)})"


def failure_lines(error: Exception) -> list[str]:
    """Return an error with all that it says, its hint too."""
    first, *rest = str(error.message if isinstance(error, StoreError) else error).split("\n")
    hint = error.hint if isinstance(error, StoreError) and error.hint else ""
    return [f"failed: {first}", *rest, *(f"  hint: {line}" for line in hint.splitlines()[:1])]


def _warning(
    event: events.Mixed
    | events.Lost
    | events.Retrying
    | events.Absent
    | events.CacheTrouble
    | events.Disputed,
) -> str:
    if isinstance(event, events.CacheTrouble | events.Disputed):
        return _about_caches(event)
    if isinstance(event, events.Mixed):
        return mixed_line(*event)
    if isinstance(event, events.Retrying):
        return f"{event.name} is tried again: {event.reason}"
    if isinstance(event, events.Absent):
        return absent_line(event.paths)
    return f"lost: {event.what}: {event.reason}"


def _about_caches(event: events.CacheTrouble | events.Disputed) -> str:
    if isinstance(event, events.CacheTrouble):
        return f"{event.cache}: {event.message}" if event.cache else event.message
    told = " and ".join(f"{path} (by {', '.join(names)})" for path, names in event.objects)
    output = "" if event.output == "out" else f"^{event.output}"
    return f"disputed: {event.name}{output} is {told}; none is taken from caches"


def absent_line(paths: Sequence[str]) -> str:
    """Return the line for objects that are to be made anew, for a plan or before it is executed."""
    return f"missing from the disk, and made anew: {', '.join(paths)}"


def mixed_line(name: str, kept: str, others: Sequence[str]) -> str:
    """Return the line for a derivation with several objects, and the one in use, for a plan or
    before it is executed."""
    return (
        f"{name} came out as several objects: using {kept}, and nothing that was built with "
        f"{', '.join(others)}"
    )


def _nothing_to_free(event: events.NothingToFree) -> Iterator[str]:
    free, wanted = bytes_text(event.free), bytes_text(event.wanted)
    by = "; most is kept by" if event.holders else ""
    spared = f" ({counted(event.spared, 'object')} spared as used lately)" if event.spared else ""
    yield f"{free} are free, {wanted} are wanted, and nothing more can be deleted{spared}{by}"
    for holder, size in event.holders:
        yield f"  {bytes_text(size):>12}  {holder}"


def held_up(event: events.Waiting | events.Queued | events.Unattended) -> list[str]:
    """Return the reason that a build waits, if it waits, and a hint."""
    if isinstance(event, events.Waiting):
        return [f"waiting for another process that works on {event.name}"]
    if isinstance(event, events.Unattended):
        return _unattended(event) if event.builds else []
    return [f"waiting for a processor: {_queued(event)}"] if event.tokens else []


def _unattended(event: events.Unattended) -> list[str]:
    some = "the build" if event.builds == 1 else f"any of {event.builds} builds"
    text = f"no worker of {event.server} has begun {some} in {seconds_text(int(event.seconds))}"
    return [f"waiting: {text}", f"  hint: {event.hint}"]


def _queued(event: events.Queued) -> str:
    has = "the only one" if event.tokens == 1 else f"all {event.tokens}"
    by = f" ({'; '.join(event.holders)})" if event.holders else ""
    return f"other builds in this store have {has}{by}"


def first_line(error: Exception) -> str:
    """Return an error's message, cut at the first line."""
    text = error.message if isinstance(error, StoreError) else f"{type(error).__name__}: {error}"
    return text.split("\n")[0]
