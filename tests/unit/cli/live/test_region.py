"""The screen of a terminal, whatever happens on it."""

from __future__ import annotations

import os
import random
import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import events
from store.cli.live.reporter import Live
from tests.amounts import example_count
from tests.unit.cli.live.stage import (
    COMPILER,
    SOURCES,
    Play,
    done,
    failed,
    node,
    phase,
    planned,
    received,
    start,
)

LAST_WORDS = "  | the last line of its log"

SIZES = st.tuples(st.integers(1, 130), st.integers(1, 45))


def a_run(seed: int) -> list[events.Event | float]:
    """Nodes of a ladder in a random order, some of which fail."""
    draw = random.Random(seed)
    told: list[events.Event | float] = [planned(COMPILER, jobs=3)]
    running: list[str] = []
    for each in draw.sample(COMPILER, len(COMPILER)):
        told.append(start(each.name, each.kind))
        running.append(each.name)
        told.append(draw.choice((0.01, 0.3, 90.0)))
        name = draw.choice(running)
        if name in SOURCES:
            told.append(received(name, draw.randrange(1 << 30), draw.choice((None, 1 << 30))))
        else:
            told.append(phase(name, draw.choice(("build", "漢字" * 9, "x" * 100))))
        if len(running) > draw.randrange(1, 12):
            name = running.pop(draw.randrange(len(running)))
            kind = "fetch" if name in SOURCES else "build"
            told.append(done(name, kind, 9.0, 99) if draw.random() < 0.9 else failed(name))
    return told


@pytest.mark.slow
@settings(max_examples=example_count(25))
@given(seed=st.integers(0, 1 << 30), sizes=st.lists(SIZES, min_size=1, max_size=6))
def test_the_view_never_outgrows_the_screen(seed: int, sizes: list[tuple[int, int]]) -> None:
    told = a_run(seed)
    play = Play(*sizes[0])
    for number, each in enumerate(told):
        if number % 20 == 19:
            play.terminal.resize(*sizes[number // 20 % len(sizes)])
        play.tell(each)
        widths = play.live._region._widths
        if isinstance(each, float) and each > 0.2:
            assert 1 <= len(widths) <= max(play.terminal.size.rows - 1, 1)
            assert max(widths) <= max(play.terminal.size.columns - 1, 1)


@pytest.mark.slow
@settings(max_examples=example_count(20))
@given(seed=st.integers(0, 1 << 30), size=st.tuples(st.integers(70, 130), st.integers(2, 45)))
def test_nothing_but_lasting_lines_is_left_at_the_end(seed: int, size: tuple[int, int]) -> None:
    told = a_run(seed)
    play = Play(*size).tell(*told)
    play.live.close()
    screen = play.terminal.screen
    above = ["".join(line[x].data for x in range(size[0])).rstrip() for line in screen.history.top]
    seen = [line for line in (*above, *play.terminal.lines()) if line]
    broken = [each.name for each in told if isinstance(each, events.Failed)]
    lasting = [
        line
        for name in broken
        for line in (f"failed: building {name} failed: exit status 2", LAST_WORDS)
    ]
    assert seen[: len(lasting)] == lasting
    assert len(seen) <= len(lasting) + 4
    assert not any(mark in line for line in seen for mark in "▸◦▾✗━─")


def test_after_a_stop_the_view_begins_below_what_the_shell_wrote() -> None:
    before = signal.getsignal(signal.SIGCONT)
    play = Play(60, 12).tell(planned([node("a", "build", None)]), start("a"), 1.0)
    play.terminal.write("[1]+  Stopped   store realise a\n$ fg\nstore realise a\n")
    os.kill(os.getpid(), signal.SIGCONT)
    play.tell(1.0, 1.0)
    assert [line for line in play.terminal.lines() if "▸" not in line and "─" not in line] == [
        "[1]+  Stopped   store realise a",
        "$ fg",
        "store realise a",
    ]
    assert len([line for line in play.terminal.lines() if "▸" in line]) == 2
    play.live.close()
    assert signal.getsignal(signal.SIGCONT) == before


def test_in_the_background_only_lasting_lines_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.cli.live.foreground.Foreground.held", lambda self: True)
    play = Play(60, 12).tell(planned([node("a", "build", None)]), start("a"), 1.0)
    assert play.terminal.written == ""
    play.tell(failed("a", whole=False), 1.0)
    assert play.terminal.lines() == ["failed: building a failed: exit status 2"]


def test_a_terminal_that_cannot_be_written_to_stops_nothing() -> None:
    play = Play(60, 12)

    def full(text: str) -> int:
        raise OSError(28, "No space left on device")

    play.terminal.write = full  # type: ignore[method-assign]
    play.tell(planned([node("a", "build", None)]), start("a"), 1.0, failed("a"))
    play.live.close()
    assert isinstance(play.live, Live)
