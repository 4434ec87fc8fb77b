"""What people see while the engine works."""

from __future__ import annotations

import errno
import io

import pytest

from store import events
from store.cli.draw import Live, Plain, make_reporter
from store.cli.streams import OutputBroken
from store.errors import BuildFailed

KEY = b"k" * 32


def story() -> list[events.Event]:
    return [
        events.Planned(1, 1),
        events.Started(KEY, "gcc.tar", "fetch", None, None),
        events.Progress(KEY, "gcc.tar", 1 << 20, 4 << 20),
        events.Finished(KEY, "gcc.tar", "fetch", 1.5, ("/store/x-gcc.tar",)),
        events.Started(KEY, "gcc", "build", "/log", 754.0),
        events.Phase(KEY, "gcc", "configure"),
        events.Tick(),
        events.Failed(KEY, "gcc", BuildFailed("gcc", "exit status 2", ["boom"])),
    ]


def test_elsewhere_than_on_a_terminal_each_event_is_a_plain_line() -> None:
    stream = io.StringIO()
    reporter = make_reporter(stream)
    assert type(reporter) is Plain
    for event in story():
        reporter.emit(event)
    reporter.close()
    assert stream.getvalue().splitlines() == [
        "1 to build, 1 to fetch",
        "fetching gcc.tar",
        "[1/2] fetched gcc.tar in 1.5s  /store/x-gcc.tar",
        "building gcc (usually 12m34s)",
        "failed: building gcc failed: exit status 2",
    ]


def test_on_a_terminal_what_runs_is_drawn_with_its_phase_and_usual_time() -> None:
    stream = io.StringIO()
    live = Live(stream)
    for event in story()[:6]:
        live.emit(event)
    live._redraw([])
    shown = stream.getvalue()
    assert "build  gcc  configure" in shown
    assert "of about 12m34s" in shown
    assert "1 of 2 done, 1 running" in shown
    live.emit(story()[-1])
    live.close()
    assert stream.getvalue().endswith("\r\033[J")


def test_waiting_for_a_processor_is_told_once_and_drawn_until_it_is_over() -> None:
    plain, terminal = io.StringIO(), io.StringIO()
    reporter, live = Plain(plain), Live(terminal)
    for event in (events.Queued(2), events.Tick(), events.Queued(0)):
        reporter.emit(event)
    assert plain.getvalue() == "waiting for a processor: other builds in this store have all 2\n"
    live.emit(events.Queued(2))
    assert "waiting for a processor  other builds in this store have all 2" in terminal.getvalue()
    live.emit(events.Queued(0))
    terminal.truncate(0)
    live._redraw([])
    assert "waiting" not in terminal.getvalue()


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (events.Collected(1, 4096, 0.2), ["deleted 1 object, freed 4.0 KiB in 0.2s"]),
        (
            events.NothingToFree(1 << 20, 1 << 30, ()),
            ["1.0 MiB are free, 1.0 GiB are wanted, and nothing more can be deleted"],
        ),
        (
            events.NothingToFree(0, 2048, (("root mine", 512),), 1),
            [
                "0 B are free, 2.0 KiB are wanted, and nothing more can be deleted "
                "(1 object spared as used lately); most is kept by",
                "         512 B  root mine",
            ],
        ),
    ],
)
def test_what_the_collector_did_is_told(event: events.Event, lines: list[str]) -> None:
    stream = io.StringIO()
    Plain(stream).emit(event)
    assert stream.getvalue().splitlines() == lines


def test_only_a_reader_who_went_away_stops_who_tells() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OutputBroken

    Plain(Full()).emit(story()[0])
    with pytest.raises(OutputBroken):
        Plain(Gone()).emit(story()[0])


def test_a_failure_says_what_still_finishes_and_what_was_ended() -> None:
    stream = io.StringIO()
    reporter = Plain(stream)
    error = BuildFailed("a", "exit status 3", ["the reason"], hint="look at it")
    reporter.emit(events.Failed(b"", "a", error, whole=True))
    reporter.emit(events.Stopping(("b", "c"), ("d",), 2))
    assert stream.getvalue().splitlines() == [
        "failed: building a failed: exit status 3",
        "  | the reason",
        "  hint: look at it",
        "ended: fetching d",
        "2 more are not started",
        "still to finish (Ctrl-C ends them): b, c",
    ]


def test_going_on_ends_with_all_that_failed_and_all_that_was_not_tried() -> None:
    failed = tuple(events.Failed(b"", name, BuildFailed(name, "exit status 3")) for name in "ab")
    undone = (events.Undone(b"", "c", ("a", "b")),)
    for going, lines in ((True, 5), (False, 0)):
        stream = io.StringIO()
        Plain(stream).emit(events.Unrealised(failed, undone, going))
        assert len(stream.getvalue().splitlines()) == lines
        assert ("  c (needs a, b)" in stream.getvalue()) == going
