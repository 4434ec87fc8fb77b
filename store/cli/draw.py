"""Drawing events: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TextIO

from store import events
from store.cli.streams import may_redraw
from store.cli.wording import counted
from store.errors import StoreError
from store.events import Event
from store.quantities import bytes_text, seconds_text

REDRAW_SECONDS = 0.2


def make_reporter(stream: TextIO) -> Plain:
    """The live view when ``stream`` is a terminal that can move its cursor, else plain lines."""
    if may_redraw(stream):
        return Live(stream)
    return Plain(stream)


class Plain:
    """One line an event that matters."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._fetched: dict[bytes, float] = {}
        self._total = 0
        self._done = 0

    def emit(self, event: Event) -> None:
        """Write what ``event`` means for the user, if anything."""
        for line in self._lines(event):
            try:
                print(line, file=self._stream, flush=True)
            except OSError:
                return  # a log on the full disk must not stop who makes room, or builds

    def close(self) -> None:
        """Nothing more will come."""

    def _lines(self, event: Event) -> list[str]:
        match event:
            case events.Planned(builds, fetches):
                self._total = (
                    self._done + builds + fetches
                )  # more than once when it is planned anew
                return [f"{builds} to build, {fetches} to fetch"]
            case events.Started(kind="build" | "rebuild" as kind, name=name, expected=expected):
                usual = f" (usually {seconds_text(expected)})" if expected else ""
                return [f"{kind}ing {name}{usual}"]
            case events.Examining(nodes):
                self._total = nodes
                return [f"{nodes} to examine"]
            case events.Examined(name, verdict, detail):
                self._done += 1
                more = f" ({detail})" if detail else ""
                return [f"[{self._done}/{self._total}] {verdict}: {name}{more}"]
            case events.Finished(kind="rebuild"):
                return []
            case events.Started(kind=kind, name=name):
                return [f"{'fetching' if kind == 'fetch' else 'unpacking'} {name}"]
            case events.Waiting() | events.Queued():
                return _held_up(event)
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
            case events.Mixed() | events.Lost() | events.Absent():
                return [_warning(event)]
        return []

    def _finished(self, event: events.Finished) -> str:
        verb = {"fetch": "fetched", "unpack": "unpacked"}.get(event.kind, "built")
        of = f"/{self._total}" if self._total else ""  # a repair does not know how many
        return (
            f"[{self._done}{of}] {verb} {event.name} "
            f"in {seconds_text(event.seconds)}  {' '.join(event.paths)}"
        )


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
    """The failures by name, and what was not tried; without ``-k``, all that was told by then."""
    if not event.keep_going or (len(event.failed) == 1 and not event.undone):
        return
    yield f"{len(event.failed)} failed:"
    for failed in event.failed:
        yield f"  {failed.name}: {first_line(failed.error)}"
    if event.undone:
        yield f"{len(event.undone)} not built, for what failed below them:"
    for undone in event.undone:
        yield f"  {undone.name} (needs {', '.join(undone.needs)})"


def failure_lines(error: Exception) -> list[str]:
    """An error with all that it says, its hint too."""
    first, *rest = str(error.message if isinstance(error, StoreError) else error).splitlines()
    hint = error.hint if isinstance(error, StoreError) and error.hint else ""
    return [f"failed: {first}", *rest, *(f"  hint: {line}" for line in hint.splitlines()[:1])]


def _warning(event: events.Mixed | events.Lost | events.Absent) -> str:
    if isinstance(event, events.Mixed):
        return mixed_line(*event)
    if isinstance(event, events.Absent):
        return absent_line(event.paths)
    return f"lost: {event.what}: {event.reason}"


def absent_line(paths: Sequence[str]) -> str:
    """Of objects that are to be made anew, for a plan or before it is executed."""
    return f"missing from the disk, and made anew: {', '.join(paths)}"


def mixed_line(name: str, kept: str, others: Sequence[str]) -> str:
    """Of a derivation with several objects, which is used, for a plan or before it is executed."""
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


def _held_up(event: events.Waiting | events.Queued) -> list[str]:
    if isinstance(event, events.Waiting):
        return [f"waiting for another process that works on {event.name}"]
    return [f"waiting for a processor: {_queued(event.tokens)}"] if event.tokens else []


def _queued(tokens: int) -> str:
    has = "the only one" if tokens == 1 else f"all {tokens}"
    return f"other builds in this store have {has}"


COLLECTOR = b"the collector"
"""The key of its line."""

QUEUE = b"the queue"
"""The key of the line of waiting for a processor."""


class _Line:
    def __init__(self, name: str, kind: str, expected: float | None) -> None:
        self.name = name
        self.kind = kind
        self.expected = expected
        self.since = time.monotonic()
        self.phase = ""

    def text(self) -> str:
        elapsed = seconds_text(time.monotonic() - self.since)
        usual = f" of about {seconds_text(self.expected)}" if self.expected else ""
        return f"  {self.kind:6} {self.name}  {self.phase}  {elapsed}{usual}"


class Live(Plain):
    """Finished work scrolls by; what runs is redrawn below it, with phase and elapsed time."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._running: dict[bytes, _Line] = {}
        self._drawn = 0
        self._last = 0.0

    def emit(self, event: Event) -> None:
        """Update the view."""
        match event:
            case events.Queued(0):
                self._running.pop(QUEUE, None)
            case events.Queued(tokens):
                self._running[QUEUE] = _Line("for a processor", "waiting", None)
                self._running[QUEUE].phase = _queued(tokens)
            case events.Started(key, name, kind, _, expected):
                self._running[key] = _Line(name, kind, expected)
            case events.Phase(key, _, phase) if key in self._running:
                self._running[key].phase = phase
            case events.Progress(key, _, done, total) if key in self._running:
                of = f" of {bytes_text(total)}" if total else ""
                self._running[key].phase = f"{bytes_text(done)}{of}"
            case events.Finished(key=key) | events.Failed(key=key):
                self._running.pop(key, None)
            case events.CollectorPhase(name, done, total, freed):
                line = self._running.setdefault(COLLECTOR, _Line("", "collecting", None))
                of = f" {done} of {counted(total, 'object')}" if total else ""
                line.phase = f"{name}{of}, {bytes_text(freed)} freed"
            case events.Collected():
                self._running.pop(COLLECTOR, None)
        drawn = isinstance(event, events.Started | events.Queued)
        lasting = [] if drawn else self._lines(event)
        if lasting or time.monotonic() - self._last > REDRAW_SECONDS:
            self._redraw(lasting)

    def close(self) -> None:
        """Erase what was drawn below the lasting lines."""
        self._running.clear()
        self._redraw([])

    def _redraw(self, lasting: list[str]) -> None:
        import shutil

        self._last = time.monotonic()
        columns, rows = shutil.get_terminal_size()
        shown = [line.text() for line in self._running.values()][: max(1, rows - 3)]
        if shown and self._total:
            shown.append(f"  {self._done} of {self._total} done, {len(self._running)} running")
        erase = f"\033[{self._drawn}F\033[J" if self._drawn else "\r\033[J"
        body = "".join(f"{line}\n" for line in lasting)
        body += "".join(f"{line[: columns - 1]}\n" for line in shown)
        self._stream.write(erase + body)
        self._stream.flush()
        self._drawn = len(shown)


def first_line(error: Exception) -> str:
    """An error's message, cut at the first line."""
    text = error.message if isinstance(error, StoreError) else f"{type(error).__name__}: {error}"
    return text.splitlines()[0]
