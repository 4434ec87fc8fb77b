"""A test terminal, and the stories that are played on it."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pyte

from store import events
from store.cli.live.reporter import Live
from store.cli.screen import ScreenSize
from store.events import Event, PlannedNode
from store.job_errors import BuildFailed, FetchFailed


class Terminal(io.StringIO):
    """A terminal in memory, of so many columns and rows, with the lines above it."""

    encoding = "utf-8"

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__()
        self.size = ScreenSize(columns, rows)
        self.screen = pyte.HistoryScreen(columns, rows, history=1000, ratio=0.5)
        # As the kernel has it: a newline begins a line.
        self.screen.set_mode(pyte.modes.LNM)
        self._parser = pyte.Stream(self.screen)
        self.written = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.written += text
        self._parser.feed(text)
        return len(text)

    def resize(self, columns: int, rows: int) -> None:
        """As the window's edge is drawn."""
        self.size = ScreenSize(columns, rows)
        self.screen.resize(rows, columns)

    def lines(self) -> list[str]:
        """Return what one sees, without the empty lines at the foot."""
        lines = [line.rstrip() for line in self.screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines


class Play:
    """Events at times of a clock of its own, given to the live view on a terminal."""

    def __init__(self, columns: int, rows: int, *, verbose: bool = False) -> None:
        self.terminal = Terminal(columns, rows)
        self.now = 1000.0
        self.live = Live(
            self.terminal,
            verbose=verbose,
            clock=lambda: self.now,
            size=lambda _: self.terminal.size,
        )

    def tell(self, *told: Event | float) -> Play:
        """Each event, and after a number that many seconds."""
        for each in told:
            if isinstance(each, float):
                self.now += each
                self.live.emit(events.Tick())
            else:
                self.live.emit(each)
        return self

    def seen(self) -> list[str]:
        """Return what one sees a moment later."""
        self.tell(0.5)
        return self.terminal.lines()


def key(name: str) -> bytes:
    return name.encode().ljust(32, b"\0")


def node(name: str, kind: str, expected: float | None, *needs: str) -> PlannedNode:
    return PlannedNode(key(name), name, kind, tuple(map(key, needs)), expected)


def start(name: str, kind: str = "build", log: str | None = None) -> Event:
    return events.Started(key(name), name, kind, log, None)


def phase(name: str, word: str) -> Event:
    return events.Phase(key(name), name, word)


def received(name: str, count: int, size: int | None = None) -> Event:
    return events.Progress(key(name), name, count, size)


def done(name: str, kind: str, seconds: float, size: int = 0) -> Event:
    return events.Finished(key(name), name, kind, seconds, (f"/store/x-{name}",), 0, size)


def failed(name: str, *, whole: bool = True) -> Event:
    error = BuildFailed(name, "exit status 2", ["the last line of its log"])
    return events.Failed(key(name), name, error, whole=whole)


def planned(nodes: Iterable[PlannedNode], jobs: int = 2) -> Event:
    nodes = tuple(nodes)
    fetches = sum(each.kind == "fetch" for each in nodes)
    return events.Planned(len(nodes) - fetches, fetches, nodes, jobs)


PULL = b"cache"

SOURCES = tuple(f"source-{number:02}.tar.xz" for number in range(40))

COMPILER: tuple[PlannedNode, ...] = (
    *(node(name, "fetch", None) for name in SOURCES),
    node("seed", "unpack", 17.0, *SOURCES[:27]),
    node("gcc-source", "unpack", None, SOURCES[27]),
    node("cross-binutils", "build", 60.0, "seed", SOURCES[28]),
    node("linux-headers", "build", 15.0, "seed", SOURCES[29]),
    node("cross-gcc", "build", 840.0, "cross-binutils", "linux-headers", "gcc-source"),
    node("musl", "build", 60.0, "cross-gcc", SOURCES[30]),
    node("binutils", "build", 150.0, "cross-gcc", "musl"),
    node("m4", "build", 55.0, "cross-gcc", SOURCES[31]),
    node("make", "build", 15.0, "cross-gcc", SOURCES[32]),
    node("sed", "build", 40.0, "cross-gcc", SOURCES[33]),
    node("grep", "build", 40.0, "cross-gcc", SOURCES[34]),
    node("tar", "build", 60.0, "cross-gcc", SOURCES[35]),
    node("bash", "build", 60.0, "cross-gcc", SOURCES[36]),
    node("gawk", "build", 35.0, "cross-gcc", SOURCES[37]),
    node("patch", "build", 50.0, "cross-gcc", SOURCES[38]),
    node("xz", "build", 40.0, "cross-gcc", SOURCES[39]),
    node("gcc", "build", 1300.0, "musl", "binutils", "gcc-source"),
    node(
        *("userland", "build", 2.0),
        *("gcc", "m4", "make", "sed", "grep", "tar", "bash", "gawk", "patch", "xz"),
    ),
)
"""A ladder with 40 sources and a goal at its end."""


def fetching() -> list[Event | float]:
    """The first seconds: six downloads, of which three are there."""
    told: list[Event | float] = [planned(COMPILER, jobs=6)]
    told += [start(name, "fetch") for name in SOURCES[:6]]
    told += [1.0, *(received(name, 2 << 20, 4 << 20) for name in SOURCES[:6]), 1.0]
    for old, new in zip(SOURCES[:3], SOURCES[6:9], strict=True):
        told += [done(old, "fetch", 2.0, 4 << 20), start(new, "fetch")]
    return told


CACHE = "https://cache.example.org/fixpoint"


def pull(name: str) -> Event:
    return events.Started(PULL, f"{name} from {CACHE}", "pull", None, None)


def pulled(objects: int, seconds: float, size: int) -> Event:
    name = f"{objects} objects from {CACHE}"
    return events.Finished(PULL, name, "pull", seconds, (), 0, size, objects)


def pulling() -> list[Event | float]:
    """Before anything is planned, a closure of 44 objects comes from a cache."""
    told: list[Event | float] = [pull("gcc-14.2.0"), 1.0]
    for count in (20, 60):
        told += [events.Progress(PULL, "", count << 20, 310 << 20, 44), 2.0]
    return told


def pulling_by_key() -> list[Event | float]:
    """A closure has come; after some downloads more comes from a cache, and a build goes on."""
    told: list[Event | float] = [pull("5 objects"), pulled(5, 2.0, 7 << 20)]
    told += fetching()
    told += [start("m4"), pull("gcc-14.2.0"), 1.0]
    told += [events.Progress(PULL, "", 9 << 20, 31 << 20, 4), 2.0]
    return told


def pulled_all() -> list[Event | float]:
    """All that was asked for came from a cache."""
    return [*pulling(), pulled(44, 9.0, 310 << 20), 1.0]


def six_builds() -> list[Event | float]:
    """The first packages side by side, while the last four of 40 downloads still go on."""
    told: list[Event | float] = [planned(COMPILER, jobs=6)]
    for name in SOURCES[:36]:
        told += [start(name, "fetch"), done(name, "fetch", 1.0, 3 << 20)]
    told += [start("seed", "unpack"), 17.0, done("seed", "unpack", 17.0)]
    for name, seconds in (("linux-headers", 16.0), ("cross-binutils", 61.0)):
        told += [start(name), seconds, done(name, "build", seconds)]
    told += [start("gcc-source", "unpack"), 21.0, done("gcc-source", "unpack", 21.0)]
    told += [start("cross-gcc"), phase("cross-gcc", "compilers"), 800.0]
    told += [done("cross-gcc", "build", 800.0)]
    told += [start(name, "fetch") for name in SOURCES[36:]]
    told += [received(name, 1 << 20, 9 << 20) for name in SOURCES[36:]]
    told += [start(name) for name in ("musl", "m4", "make", "sed")]
    told += [2.0, *(received(name, 4 << 20, 9 << 20) for name in SOURCES[36:])]
    told += [phase("musl", "build"), phase("m4", "configure"), phase("make", "check")]
    told += [start(name) for name in ("grep", "tar")]
    told += [phase("grep", "configure"), phase("tar", "configure"), phase("sed", "build"), 3.0]
    return told


def elsewhere() -> list[Event | float]:
    """Nothing left to fetch, some builds done, and one made by another process."""
    told = six_builds()
    told += [done(name, "fetch", 9.0, 9 << 20) for name in SOURCES[36:]]
    told += [done("make", "build", 9.0), done("sed", "build", 9.0), done("musl", "build", 9.0)]
    told += [start("bash"), events.Waiting(key("binutils"), "binutils"), 4.0]
    return told


def broken_source() -> Event:
    error = FetchFailed("source-39.tar.xz", [("http://example.org/source-39.tar.xz", "404")])
    return events.Failed(key(SOURCES[39]), SOURCES[39], error, whole=True)


def failures() -> list[Event | float]:
    """With ``-k``, three things fail, and others go on."""
    told = six_builds()
    told += [failed("m4"), broken_source(), start("gawk"), 4.0, failed("gawk"), 2.0]
    return told


def one_failure() -> list[Event | float]:
    """Without ``-k``, running builds finish after a failure."""
    going = ("musl", "make", "sed", "grep", "tar")
    return [*six_builds(), failed("m4"), events.Stopping(going, SOURCES[36:], 7), 1.0]


STORIES = {
    "fetching": fetching,
    "six-builds": six_builds,
    "elsewhere": elsewhere,
    "failures": failures,
    "one-failure": one_failure,
    "pulling": pulling,
    "pulling-by-key": pulling_by_key,
    "pulled-all": pulled_all,
}
