"""The progress of a run, from its events: how far each node is, and all of them together."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from store import events
from store.cli.plain import first_line, held_up
from store.cli.wording import counted
from store.events import Event, PlannedNode
from store.quantities import bytes_text
from store.scheduler.forecast import Estimate, TimeForecast, likely_seconds

State = Literal["waiting", "running", "elsewhere", "done", "failed", "undone"]

OPEN: Sequence[State] = ("waiting", "running", "elsewhere")
"""The states of unfinished nodes."""

NEARLY = 0.95
"""The part of a running node's work that counts as done at most."""

RATE_SECONDS = 5.0
"""The time over which the rate of downloads is taken."""

ESTIMATE_SECONDS = 1.0
"""Seconds between two estimates, which run through the whole plan."""


@dataclass(eq=False, kw_only=True)
class NodeProgress:
    """A node of the work. Times are of the events' clock; ``received`` and ``size`` are bytes of a
    download, which is of so many ``files`` or objects."""

    node: PlannedNode
    state: State = "waiting"
    phase: str = ""
    since: float = 0.0
    log: str | None = None
    received: int = 0
    size: int | None = None
    files: int = 1

    def elapsed(self, now: float) -> float:
        """Return seconds since it began."""
        return max(now - self.since, 0.0)


@dataclass
class Downloads:
    """Files and objects that are there, with their bytes, and when how many bytes were."""

    files: int = 0
    file_bytes: int = 0
    objects: int = 0
    object_bytes: int = 0
    _samples: deque[tuple[float, int]] = field(default_factory=deque)

    @property
    def count(self) -> int:
        """Files and objects together."""
        return self.files + self.objects

    @property
    def size(self) -> int:
        """Bytes of both."""
        return self.file_bytes + self.object_bytes

    def note(self, now: float, received: int) -> float:
        """Note the bytes of all downloads so far; returns the rate in bytes a second."""
        self._samples.append((now, received))
        while len(self._samples) > 2 and self._samples[1][0] <= now - RATE_SECONDS:
            self._samples.popleft()
        first, begun = self._samples[0]
        return (received - begun) / (now - first) if now - first >= 1.0 else 0.0


class RunProgress:
    """How far a run is. ``total`` nodes are known of, ``done`` of them are at their end; both are 0
    where the work is in no plan. ``pulls`` from caches are in none."""

    def __init__(self) -> None:
        self.began: float | None = None
        self.total = 0
        self.done = 0
        self.nodes: dict[bytes, NodeProgress] = {}
        self.pulls: dict[bytes, NodeProgress] = {}
        self.forecast: TimeForecast | None = None
        self.downloads = Downloads()
        self.finished: Counter[str] = Counter()
        self.built: list[tuple[float, str]] = []
        self.failures: list[tuple[str, str]] = []
        self.notices: dict[str, str] = {}
        self._stopping = False
        self._weight_done = 0.0
        self._estimate: tuple[float, Estimate] | None = None

    def hear(self, event: Event, now: float) -> None:
        """Take up an event."""
        self.began = now if self.began is None else self.began
        match event:
            case events.Planned():
                self._plan(event)
            case events.Examining(count):
                self.total = count
            case events.Examined():
                self.done += 1
            case events.Started(key, name, kind, log, expected):
                self._start(PlannedNode(key, name, kind, (), expected), log, now)
            case events.Waiting(key) if each := self._known(key):
                each.state, each.since = "elsewhere", now
            case events.Phase(key, _, phase) if key in self.nodes:
                self.nodes[key].phase = phase
            case events.Progress(key, _, received, size, files) if each := self._known(key):
                each.state, each.received, each.size, each.files = "running", received, size, files
            case (
                events.Queued()
                | events.Unattended()
                | events.CollectorPhase()
                | events.Collected()
                | events.Removing()
                | events.Removed()
            ):
                self._notice(event)
            case events.Reused(key):
                self._end(key, "done")
                self.finished["reused"] += 1
            case events.Finished():
                self._finish(event)
            case events.Failed():
                self._fail(event)
            case events.Stopping():
                self._stop()

    def of_state(self, *states: State) -> list[NodeProgress]:
        """Return the nodes in one of these states."""
        return [each for each in self.nodes.values() if each.state in states]

    def share(self, now: float) -> float | None:
        """Return the part of all work, by time, that is done, from 0 to 1; None where it is
        unknown."""
        if self.forecast is None:
            return self.done / self.total if self.total else None
        done = ahead = self._weight_done
        for each in self.of_state(*OPEN):
            weight = likely_seconds(each.node)
            ahead += weight
            if each.state == "running" and each.node.expected:
                done += min(each.elapsed(now), weight * NEARLY)
        return done / ahead if ahead else 1.0

    def left(self, now: float) -> Estimate | None:
        """Return the time that all takes yet, as far as it is known; None when nothing is left,
        too."""
        if self.forecast is None or not self.of_state(*OPEN):
            return None
        if self._estimate is None or now - self._estimate[0] >= ESTIMATE_SECONDS:
            waiting = {each.node.key for each in self.of_state("waiting")}
            running = {
                each.node.key: each.elapsed(now)
                for each in self.of_state("running", "elsewhere")
                if each.node.key in self.forecast.ranks
            }
            found = self.forecast.left(waiting, running, starting=not self._stopping)
            self._estimate = (now, found)
        then, found = self._estimate
        return found._replace(seconds=max(found.seconds - (now - then), 0.0))

    # -- events -------------------------------------------------------------------------------

    def _plan(self, event: events.Planned) -> None:
        """Put another plan in the place of the one before, of which nothing runs any more."""
        self.nodes = {node.key: NodeProgress(node=node) for node in event.nodes}
        self.total = self.done + event.builds + event.fetches
        self.forecast = TimeForecast(event.nodes, event.jobs) if event.nodes else None
        self._stopping, self._estimate = False, None

    def _start(self, node: PlannedNode, log: str | None, now: float) -> None:
        nodes = self.pulls if node.kind == "pull" else self.nodes
        each = nodes.setdefault(node.key, NodeProgress(node=node))
        each.state, each.since, each.log, each.phase = "running", now, log, ""

    def _known(self, key: bytes) -> NodeProgress | None:
        return self.nodes.get(key) or self.pulls.get(key)

    def _finish(self, event: events.Finished) -> None:
        if event.kind == "pull":
            self.pulls.pop(event.key, None)
            self.downloads.objects += event.objects
            self.downloads.object_bytes += event.size
            if event.objects:
                self.finished["pull"] += event.objects
            return
        if event.kind == "fetch":
            self.downloads.files += 1
            self.downloads.file_bytes += event.size
        else:
            each = self.nodes.get(event.key)
            self.built.append((event.seconds, each.node.name if each else event.name))
        if event.kind != "rebuild":
            self.finished[event.kind] += 1
        if self.forecast is not None:
            self.forecast.learn(event.key, event.seconds)
        self._end(event.key, "done", counts=event.kind != "rebuild")

    def _fail(self, event: events.Failed) -> None:
        self.failures.append((event.name, first_line(event.error)))
        self._end(event.key, "failed", counts=False)
        todo = [event.key]
        while todo and self.forecast is not None:
            for above in self.forecast.dependents.get(todo.pop(), ()):
                if self.nodes[above].state == "waiting":
                    self.nodes[above].state = "undone"
                    todo.append(above)

    def _stop(self) -> None:
        """Build that run are let finish; downloads are not."""
        self._stopping, self._estimate = True, None
        for each in self.of_state(*OPEN):
            if each.state != "running" or each.node.kind == "fetch":
                each.state = "undone"

    def _notice(
        self,
        event: events.Queued
        | events.Unattended
        | events.CollectorPhase
        | events.Collected
        | events.Removing
        | events.Removed,
    ) -> None:
        match event:
            case events.Queued():
                self.notices["queue"] = "".join(held_up(event))
            case events.Unattended():
                lines = held_up(event) or ["", ""]
                self.notices |= zip(("worker", "hint about a worker"), lines, strict=True)
            case events.CollectorPhase(name, done, total, freed):
                of = f" {done} of {counted(total, 'object')}" if total else ""
                text = f"collecting: {name}{of}, {bytes_text(freed)} freed"
                self.notices["collector"] = text
            case events.Collected():
                self.notices["collector"] = ""
            case events.Removing(key, name, files):
                text = f"removing the leftovers of {name}: {counted(files, 'file')} removed"
                self.notices[f"removal of {key.hex()}"] = text
            case events.Removed(key):
                self.notices.pop(f"removal of {key.hex()}", None)

    def _end(self, key: bytes, state: State, *, counts: bool = True) -> None:
        self.done += counts
        if self.forecast is None:
            self.nodes.pop(key, None)  # an audit comes to a node more than once
        elif key in self.nodes:
            self.nodes[key].state = state
            self._weight_done += likely_seconds(self.nodes[key].node) if state == "done" else 0.0


def received(nodes: Iterable[NodeProgress]) -> int:
    """Return the bytes that running downloads have by now."""
    return sum(each.received for each in nodes)
