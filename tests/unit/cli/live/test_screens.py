"""Screens of a test terminal, compared with those in ``screens/``.

With ``REDRAW_SCREENS=1`` in the environment they are written anew: look at the changes.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from store import events
from store.cli.live.frame import usual_text
from store.cli.screen import ScreenSize
from store.job_errors import BuildFailed
from tests.unit.cli.live.stage import (
    COMPILER,
    SOURCES,
    STORIES,
    Play,
    done,
    elsewhere,
    failed,
    key,
    node,
    phase,
    planned,
    six_builds,
    start,
)

SCREENS = Path(__file__).parent / "screens"
SIZES = ((110, 40), (80, 24), (40, 10), (20, 5))
COLOURS = re.compile(r"\033\[[0-9;]*m")


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def compare(name: str, seen: list[str]) -> None:
    path = SCREENS / f"{name}.txt"
    if os.environ.get("REDRAW_SCREENS"):
        path.write_text("".join(f"{line}\n" for line in seen), encoding="utf-8")
    assert seen == path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1s"), (2.0, "2s"), (59.4, "59s"), (150.0, "2m30s"), (1300.0, "22m"), (3720.0, "1h02m")],
)
def test_a_usual_time_is_no_finer_than_it_matters(seconds: float, text: str) -> None:
    assert usual_text(seconds) == text


@pytest.mark.parametrize(("columns", "rows"), SIZES)
@pytest.mark.parametrize("story", STORIES)
def test_a_run_fits_the_screen(story: str, columns: int, rows: int) -> None:
    play = Play(columns, rows).tell(*STORIES[story]())
    seen = play.seen()
    assert len(seen) < rows
    widths = play.live._region._widths
    assert len(widths) < rows and max(widths) < columns
    compare(f"{story}-{columns}x{rows}", seen)


@pytest.mark.parametrize("story", STORIES)
def test_at_the_end_a_summary_is_in_the_place_of_the_view(story: str) -> None:
    play = Play(110, 40).tell(*STORIES[story]())
    play.live.close()
    compare(f"{story}-end", play.terminal.lines())


def test_the_end_of_a_run_says_what_took_long() -> None:
    play = Play(80, 24).tell(*six_builds())
    play.tell(*(done(name, "fetch", 9.0, 9 << 20) for name in SOURCES[36:]))
    play.tell(*(done(each.name, "build", each.expected or 0.0) for each in COMPILER[-13:]))
    play.live.close()
    assert play.terminal.lines() == [
        "16 built, 2 unpacked, 40 files fetched (144.0 MiB) in 15m20s",
        "longest: gcc 21m40s, cross-gcc 13m20s, binutils 2m30s",
    ]


def test_with_v_each_build_has_the_last_line_of_its_log(tmp_path: Path) -> None:
    logs = {}
    for name in ("musl", "m4", "make"):
        logs[name] = tmp_path / name
        logs[name].write_text(f"@phase build\nfirst\ncc -c {name}.c\n@phase install\n")
    logs["m4"].write_bytes(b"checking\r 50%\r 99% \033[31m\xff\n")
    play = Play(80, 24, verbose=True).tell(planned(COMPILER, jobs=6))
    for name in (*SOURCES, "seed", "linux-headers", "cross-binutils", "gcc-source", "cross-gcc"):
        play.tell(events.Reused(key(name), name))
    play.tell(*(start(name, log=str(path)) for name, path in logs.items()), phase("m4", "check"))
    compare("logs-80x24", play.seen())


def test_with_v_what_is_built_leaves_a_line() -> None:
    play = Play(40, 30, verbose=True).tell(*six_builds(), done("musl", "build", 61.0))
    play.live.close()
    assert play.terminal.lines()[:3] == [
        "built linux-headers in 16s",
        "built cross-binutils in 1m01s",
        "built cross-gcc in 13m20s",
    ]


def test_when_all_is_done_no_time_is_left() -> None:
    play = Play(80, 24).tell(planned([node("a", "build", 9.0)]), start("a"), 1.0)
    assert "about 10 s left" in play.seen()[-1]
    assert play.tell(done("a", "build", 9.0)).seen()[-1].endswith("1 of 1 done  2s")


def test_a_resized_screen_is_drawn_anew_at_once() -> None:
    play = Play(110, 40).tell(*six_builds())
    play.tell(failed("m4"), 0.5)
    for columns, rows in ((40, 10), (80, 24), (20, 5), (110, 40)):
        play.terminal.resize(columns, rows)
        play.tell(0.01)
        fresh = Play(columns, rows).tell(*six_builds(), failed("m4"), 0.51)
        count = min(rows - 1, 3)
        seen = play.terminal.lines()
        assert len(seen) < rows
        assert seen[-count:] == fresh.terminal.lines()[-count:]


def test_a_terminal_that_breaks_its_lines_anew_is_erased_whole() -> None:
    """As most have it: a line of 78 characters takes two of 40."""
    play = Play(80, 24).tell(*elsewhere())
    play.seen()
    drawn = list(play.live._region._widths)
    before = len(play.terminal.written)
    play.live._region.draw([], [], ScreenSize(40, 24))
    rows = sum(-(-width // 40) for width in drawn)
    assert rows > len(drawn)
    assert play.terminal.written[before:] == f"\r\033[?7h\033[{rows}A\033[J"


def test_without_colours_the_same_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    coloured = Play(80, 24).tell(*STORIES["failures"]())
    coloured.seen()
    assert COLOURS.search(coloured.terminal.written)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Play(80, 24).tell(*STORIES["failures"]())
    assert plain.seen() == coloured.terminal.lines()
    assert not COLOURS.search(plain.terminal.written)


def test_a_terminal_without_drawings_gets_plain_characters() -> None:
    play = Play(80, 24)
    play.terminal.encoding = "ascii"
    play.tell(*six_builds())
    compare("ascii-80x24", play.seen())
    assert play.terminal.written.isascii()


def test_wide_characters_are_cut_at_the_columns_they_take() -> None:
    name = "漢字のなまえがとてもながいパッケージ"
    for columns in (20, 25, 41, 60, 61):
        play = Play(columns, 8).tell(planned([node(name, "build", 60.0)]), start(name))
        play.tell(1.0, failed("é" * 200, whole=False), 1.0)
        assert all(width < columns for width in play.live._region._widths)
        assert not any(line.startswith("漢") for line in play.seen()[1:])


def test_escapes_are_shown_and_never_passed_through(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"\033]0;title\007\033[2J\xe2\x80\xae\n")
    play = Play(110, 40, verbose=True).tell(planned([node("a", "build", None)]))
    play.tell(start("a", log=str(log)), phase("a", "\033[5mblink"), 1.0)
    error = BuildFailed("a", "\033[8mhidden", ["\ttab \033[1m"])
    play.tell(events.Failed(key("a"), "a", error, whole=True), 1.0)
    ours = re.compile(r"\033\[(?:[0-9;]*m|\?7[hl]|[0-9]*A|[JK])|[\r\n]")
    assert ours.sub("", play.terminal.written).isprintable()
    shown = COLOURS.sub("", play.terminal.written)
    assert r"\x1b]0;title\x07\x1b[2J\u202e" in shown
    assert r"\x1b[5mblink" in shown


def test_many_failures_leave_room_for_what_runs() -> None:
    play = Play(40, 10).tell(*six_builds())
    for number in range(12):
        play.tell(failed(f"package-{number}", whole=False))
    seen = play.seen()[-9:]
    assert [line for line in seen if line.startswith("✗")] == [
        "✗ building package-0 failed: exit stat…",
        "✗ 11 more failed",
    ]
    assert sum("▸" in line for line in seen) >= 3
    assert "12 failed" in seen[-1]


def test_an_audit_and_a_collection_are_drawn_too() -> None:
    play = Play(80, 24).tell(events.Examining(3), events.Examined("a", "reproduced", ""))
    play.tell(events.Started(key("b"), "b", "rebuild", None, 61.0), 2.0)
    play.tell(events.Examined("b", "differs", "the clock"), 1.0)
    assert play.terminal.lines() == [
        "[2/3] differs: b (the clock)",
        "▸ b  rebuild  3s of 1m01s",
        "━━━━━━━━━━━━━━━━━━━━━━━━━━╸─────────────   66%  2 of 3 done, 1 running  3s",
    ]
    play = Play(80, 24).tell(events.CollectorPhase("deleting", 10, 200, 5 << 20), 1.0)
    assert play.terminal.lines()[0] == "collecting: deleting 10 of 200 objects, 5.0 MiB freed"
    play.tell(events.Collected(200, 1 << 30, 4.0))
    play.live.close()
    assert play.terminal.lines() == ["deleted 200 objects, freed 1.0 GiB in 4.0s"]


def test_waiting_for_a_processor_is_drawn_until_it_is_over() -> None:
    play = Play(80, 24).tell(planned([node("a", "build", None)]), events.Queued(2))
    waiting = "waiting for a processor: other builds in this store have all 2"
    assert waiting in play.seen()
    play.tell(events.Queued(0))
    assert waiting not in play.seen()


def test_waiting_for_a_worker_is_drawn_until_it_is_over() -> None:
    waits = events.Unattended("grpc://farm:1", 1, 10.0, "`store worker grpc://farm:1` is one")
    play = Play(80, 24).tell(planned([node("a", "build", None)]), start("a"), waits)
    lines = (
        "waiting: no worker of grpc://farm:1 has begun the build in 10s",
        "  hint: `store worker grpc://farm:1` is one",
    )
    assert all(line in play.seen() for line in lines)
    play.tell(waits._replace(builds=0))
    assert not any(line in play.seen() for line in lines)


def test_a_long_removal_is_drawn_until_it_is_over() -> None:
    play = Play(80, 24).tell(planned([node("a", "build", None)]), start("a"))
    for files in (99, 200):
        play.tell(events.Removing(key("a"), "a", files))
    removing = "removing the leftovers of a: 200 files removed"
    assert removing in play.seen()
    play.tell(events.Removed(key("a")))
    assert removing not in play.seen()


def test_what_is_done_at_once_is_never_drawn() -> None:
    play = Play(80, 24).tell(planned([node("a", "build", None)]), start("a"))
    play.tell(done("a", "build", 0.1))
    assert play.terminal.written == ""
    play.live.close()
    assert play.terminal.lines() == ["1 built in 0.0s"]
