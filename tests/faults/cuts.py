"""Power cuts: every prefix of what a command did to the disk, with what a cut may take back.

At each instant the store is looked at as it would be when all changes so far had come to the disk,
when only those had that were made to last, and in random states between (see :mod:`disk` for the
model). Each different state is written to a fresh folder and opened by the real store.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, islice, repeat
from random import Random

from tests.faults import disk, rule
from tests.faults.disk import Change, Inodes, Make, Said, Sync, Write
from tests.faults.recording import OPTIONS, RESERVE, RESERVE_NAMES, SKIPPED, STREAMS, Recorder
from tests.faults.running import Clock, Done
from tests.faults.subjects import Workshop
from tests.faults.tally import Tally

VOLATILE = ("lock.mdb", "contents.mdb-lock")
"""Files that are written through memory, which strace does not see; their contents are
worthless when nobody has them open."""


@dataclass(frozen=True)
class Recording:
    """The changes of a command to a disk."""

    before: Inodes
    events: tuple[disk.Event, ...]

    def lasting(self, instant: int) -> frozenset[int]:
        """Numbers of the changes before the instant that were made to last."""
        syncs = (event for event in self.events[:instant] if isinstance(event, Sync))
        made = (n for n, event in enumerate(self.events[:instant]) if isinstance(event, Make))
        return frozenset(made).union(*(sync.lasting for sync in syncs))

    def said(self, instant: int) -> set[str]:
        """The objects that the command had reported as done."""
        texts = dict.fromkeys(STREAMS, "")
        for event in self.events[:instant]:
            if isinstance(event, Said):
                texts[event.stream] += event.text
        return rule.promised(*texts.values())

    def describe(self, number: int) -> str:
        """One change in short."""
        return f"{number} {str(self.events[number])[:120]}"


def record(shop: Workshop) -> Recording:
    """Run the subject under strace, and check that the model ends up as the disk does."""
    with shop.copy() as folder:
        before = disk.read_disk(folder, SKIPPED)
        done = shop.run(folder, strace=OPTIONS)
        if done.code != 0:
            raise RuntimeError(f"{shop.subject.name} failed with {done.code}: {done.err}")
        recorder = Recorder(folder, before)
        recorder.follow(done.trace)
        recording = Recording(before, tuple(recorder.events))
        found = disk.read_disk(folder, SKIPPED)
    _leave_out_reserve(before)
    _leave_out_reserve(found)
    expected = disk.after(before, recording.events)
    if differences := list(_differences(expected, found, disk.TOP, disk.TOP, "")):
        raise AssertionError("the recording is not what happened:\n" + "\n".join(differences))
    return recording


def _leave_out_reserve(inodes: Inodes) -> None:
    for inode in inodes.values():
        inode.entries.pop(RESERVE, None)
        inode.entries.pop(RESERVE_NAMES, None)


def _differences(one: Inodes, two: Inodes, a: int, b: int, path: str) -> Iterator[str]:
    """Where two disks differ, times that the run left to the clock apart."""
    first, second = one[a], two[b]
    if path.endswith(VOLATILE):
        return
    if (first.kind, first.mode, first.data) != (second.kind, second.mode, second.data):
        yield f"{path}: {first.kind:o} {first.mode:o} and {second.kind:o} {second.mode:o}, or data"
    if first.mtime is not None and first.mtime != second.mtime:
        yield f"{path}: mtime {first.mtime} and {second.mtime}"
    for name in sorted(first.entries.keys() ^ second.entries.keys()):
        yield f"{path}/{name}: not in both"
    for name in first.entries.keys() & second.entries.keys():
        yield from _differences(
            one, two, first.entries[name], second.entries[name], f"{path}/{name}"
        )


@dataclass(frozen=True)
class State:
    """A disk after a cut, how it came to be, and the work that had been reported as done."""

    inodes: Inodes
    said: frozenset[str]
    how: str


def states(recording: Recording, samples: int, chosen: Random) -> Iterator[State]:
    """Every prefix whole, every prefix with only what lasts, and ``samples`` between."""
    instants = list(range(len(recording.events) + 1))
    chosen.shuffle(instants)
    for instant in instants:
        lasting = recording.lasting(instant)
        loose = [
            number
            for number, event in enumerate(recording.events[:instant])
            if number not in lasting and not isinstance(event, Sync | Said)
        ]
        said = frozenset(recording.said(instant))
        for number, kept in enumerate(survivals(loose, samples, chosen)):
            breakable = kept if number % 2 else frozenset[int]()
            events = list(_events(recording, lasting | kept, breakable, chosen))
            taken = [recording.describe(number) for number in loose if number not in kept]
            how = f"cut at {instant}; not on the disk: {'; '.join(taken) or 'nothing'}"
            yield State(disk.after(recording.before, events), said, how)


def survivals(loose: Sequence[int], samples: int, chosen: Random) -> Iterator[frozenset[int]]:
    """Which of the changes that nothing made last came to the disk all the same.

    All of them; none; then every choice there is, when that is no more than ``samples``; else all
    but one and one alone, of each in turn, and choices at random.
    """
    everything = frozenset(loose)
    yield everything
    if not loose:
        return
    yield frozenset()
    if 2 ** len(loose) <= samples + 2:
        yield from (
            frozenset(choice)
            for size in range(1, len(loose))
            for choice in combinations(loose, size)
        )
        return
    order = chosen.sample(loose, len(loose))
    singles = (kept for one in order for kept in (everything - {one}, frozenset({one})))
    yield from islice(_alternating(singles, loose, chosen), samples)


def _alternating(
    singles: Iterator[frozenset[int]], loose: Sequence[int], chosen: Random
) -> Iterator[frozenset[int]]:
    """The systematic choices, each followed by one at random; then at random for ever."""
    for choice in chain(singles, repeat(None)):
        if choice is not None:
            yield choice
        share = chosen.choice((0.1, 0.5, 0.9))
        yield frozenset(number for number in loose if chosen.random() < share)


def _events(
    recording: Recording,
    there: frozenset[int],
    breakable: frozenset[int],
    chosen: Random,
) -> Iterator[Change]:
    for number in sorted(there):
        event = recording.events[number]
        assert not isinstance(event, Sync | Said)
        if isinstance(event, Write) and number in breakable and chosen.random() < 0.3:
            sectors = chosen.randrange(len(event.data) // disk.SECTOR + 1)
            yield from disk.part_of(event, sectors, zeros=chosen.random() < 0.5)
        else:
            yield event


RECOVERED = 0.25
"""The share of states in which the command is also run again."""

SAMPLES = (0, 4, 30, 250)
"""States between the whole and the least one at each instant, in each pass over all instants."""


def cut(shop: Workshop, tally: Tally, clock: Clock, seed: int) -> None:
    """Look at the store in every state that a cut could leave, while there is time, or in one."""
    recording = record(shop)
    tally.counts["instants"] += len(recording.events) + 1
    chosen = Random(f"{seed} {shop.subject.name} cuts")
    seen: set[tuple[bytes, frozenset[str]]] = set()
    for samples in SAMPLES:
        for state in states(recording, samples, chosen):
            if tally.counts["cuts"] and not clock.running():
                return
            tally.counts["cuts"] += 1
            key = (disk.fingerprint(state.inodes), state.said)
            if key in seen:
                continue
            seen.add(key)
            recovers = chosen.random() < RECOVERED or not shop.subject.usable
            findings = _look(shop, state, recovers=recovers)
            tally.add("different states", findings, f"{shop.subject.name}, {state.how}")
        tally.counts["passes over all instants"] += 1


def _look(shop: Workshop, state: State, *, recovers: bool) -> list[str]:
    folder = shop.place / "cut"
    folder.mkdir()
    try:
        disk.write_disk(state.inodes, folder)
        for name in STREAMS:
            (folder / name).unlink(missing_ok=True)
        said = "".join(f"/store/{name}\n" for name in state.said)
        findings = shop.lost(folder, Done(-signal.SIGKILL, said, ""))
        return findings + (shop.recover(folder) if recovers else [])
    finally:
        shop.clear(folder)
