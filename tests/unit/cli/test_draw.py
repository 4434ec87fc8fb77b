"""The lines that people see while the engine works."""

from __future__ import annotations

import errno
import io

import pytest

from store import events
from store.cli.draw import OnTerminal, make_reporter
from store.cli.plain import Plain, Quiet
from store.cli.streams import OutputBroken
from store.job_errors import BuildFailed
from tests.unit.cli.live.stage import Terminal

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


def test_a_download_from_a_cache_is_told_by_objects_and_bytes() -> None:
    stream = io.StringIO()
    reporter = make_reporter(stream)
    reporter.emit(events.Started(KEY, "gcc from file:///c", "pull", None, None))
    reporter.emit(
        events.Finished(KEY, "2 objects from file:///c", "pull", 1.5, (), size=3 << 20, objects=2)
    )
    for event in story()[:4]:
        reporter.emit(event)
    assert stream.getvalue().splitlines()[:2] == [
        "downloading gcc from file:///c",
        "downloaded 2 objects from file:///c (3.0 MiB) in 1.5s",
    ]
    assert "[1/2] fetched gcc.tar" in stream.getvalue(), "a pull is no node of the plan"


def test_on_a_terminal_a_live_view_begins_with_the_first_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal(80, 24)
    reporter = make_reporter(terminal)
    reporter.close()
    assert (type(reporter), terminal.written) == (OnTerminal, "")
    for event in story():
        reporter.emit(event)
    reporter.close()
    assert any("building gcc failed: exit status 2" in line for line in terminal.lines())


def test_without_the_drawing_library_a_terminal_has_plain_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("store.cli.draw.find_spec", lambda name: None)
    terminal = Terminal(80, 24)
    reporter = make_reporter(terminal)
    for event in story():
        reporter.emit(event)
    reporter.close()
    assert terminal.written.splitlines()[0] == "1 to build, 1 to fetch"


def test_a_quiet_run_draws_nothing_on_a_terminal_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal(80, 24)
    reporter = make_reporter(terminal, "quiet")
    for event in story():
        reporter.emit(event)
    reporter.close()
    assert type(reporter) is Quiet
    assert terminal.written == "failed: building gcc failed: exit status 2\n"


def test_waiting_for_a_processor_is_told_once() -> None:
    stream = io.StringIO()
    reporter = Plain(stream)
    held = events.Queued(2, ("process 7: store realise gcc", "process 9: store check zlib"))
    for event in (held, events.Tick(), events.Queued(0), events.Queued(1)):
        reporter.emit(event)
    assert stream.getvalue() == (
        "waiting for a processor: other builds in this store have all 2"
        " (process 7: store realise gcc; process 9: store check zlib)\n"
        "waiting for a processor: other builds in this store have the only one\n"
    )


def test_builds_without_a_worker_are_told_with_a_hint() -> None:
    stream = io.StringIO()
    reporter = Plain(stream)
    server = "grpc://farm.example:1"
    one = events.Unattended(server, 1, 10.4, "`store worker` is one")
    for event in (one, events.Tick(), events.Unattended(server, 0), one._replace(builds=3)):
        reporter.emit(event)
    assert stream.getvalue().splitlines() == [
        "waiting: no worker of grpc://farm.example:1 has begun the build in 10s",
        "  hint: `store worker` is one",
        "waiting: no worker of grpc://farm.example:1 has begun any of 3 builds in 10s",
        "  hint: `store worker` is one",
    ]


def test_another_try_is_told_with_its_reason() -> None:
    stream = io.StringIO()
    Plain(stream).emit(events.Retrying(b"", "gcc", "grpc://farm:1 could not run gcc: full"))
    assert stream.getvalue() == "gcc is tried again: grpc://farm:1 could not run gcc: full\n"


def test_with_v_each_phase_is_a_line_too() -> None:
    stream = io.StringIO()
    reporter = make_reporter(stream, "verbose")
    for event in story():
        reporter.emit(event)
    assert "gcc: configure" in stream.getvalue().splitlines()


def test_with_q_only_what_went_wrong_is_told_on_a_terminal_too() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream in (io.StringIO(), Terminal()):
        reporter = make_reporter(stream, "quiet")
        assert type(reporter) is Quiet
        for event in story():
            reporter.emit(event)
        reporter.close()
        assert stream.getvalue() == "failed: building gcc failed: exit status 2\n"


def test_what_needed_no_work_counts_as_done() -> None:
    stream = io.StringIO()
    reporter = Plain(stream)
    done = events.Finished(KEY, "b", "build", 1.0, ("/store/x-b",))
    for event in (events.Planned(2, 0), events.Reused(b"a", "a"), done):
        reporter.emit(event)
    assert stream.getvalue().splitlines()[1:] == ["[2/2] built b in 1.0s  /store/x-b"]


def test_a_long_removal_is_one_line() -> None:
    stream = io.StringIO()
    reporter = Plain(stream)
    for files in (99, 200):
        reporter.emit(events.Removing(KEY, "gcc", files))
    reporter.emit(events.Removed(KEY))
    assert stream.getvalue() == "removing the leftovers of gcc, which takes some time\n"


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
