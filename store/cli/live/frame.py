"""The picture of a run: lines of the terminal's width, as many as there is room for."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from store.cli.live.forest import TreeRow, TreeSpace, grown
from store.cli.live.log_line import last_line
from store.cli.live.progress import OPEN, NodeProgress, RunProgress, received
from store.cli.live.region import DrawnLine
from store.cli.screen import ScreenSize
from store.cli.wording import counted, estimate_text
from store.display import printable
from store.quantities import about_text, bytes_text, seconds_text

WIDEST_BAR, NARROWEST_BAR = 40, 8

FEWEST_WITH_LOGS = 4
"""Lines for running builds from which on there may be some for their logs."""

NARROW, NARROWEST_TREE = 60, 30
"""Columns below which rows have fewer cells, and waiting builds are not drawn."""

SYMBOLS = {"running": "▸", "elsewhere": "▹", "waiting": "◦", "failed": "✗", "downloads": "▾"}

PLAIN = str.maketrans("▸▹◦✗▾┌├│─…━╸", ">>-xv,||-~==")
"""For a terminal whose encoding lacks the drawings."""

GAP = "  "


class Frame:
    """Draws in colours where it ``may_style``, in what ``encoding`` has, with the last lines of
    logs when ``verbose``."""

    def __init__(self, *, may_style: bool, encoding: str, verbose: bool) -> None:
        self._console = Console(
            file=io.TextIOWrapper(io.BytesIO(), encoding=encoding),
            force_terminal=True,
            color_system="standard" if may_style else None,
            no_color=not may_style,
            legacy_windows=False,
            markup=False,
            highlight=False,
            emoji=False,
        )
        self._encoding = encoding
        self._drawings = encoding.lower().startswith("utf")
        self._verbose = verbose

    def lines(self, progress: RunProgress, size: ScreenSize, now: float) -> list[DrawnLine]:
        """Return the picture at the time ``now``, smaller than the screen: below and beside it
        there is room for the cursor, which else would wrap a line, or scroll."""
        columns, height = max(size.columns - 1, 1), max(size.rows - 1, 1)
        foot = [*self._notices(progress), *self._downloads(progress, columns, now)]
        foot = foot[-max(height - 2, 0) :] if height > 2 else []
        room = height - 1 - len(foot)
        failures = self._failures(progress, room // 3) if room > 1 else []
        room -= len(failures)
        running = self._running(progress, columns, room, now) if room > 0 else []
        bar = self._bar(progress, columns, now)
        return [self._drawn(line, columns) for line in (*failures, *running, *foot, bar)]

    # -- parts --------------------------------------------------------------------------------

    @staticmethod
    def _failures(progress: RunProgress, most: int) -> list[Text]:
        """Return the failures in about ``most`` lines, the first of them at least."""
        lines = [line for _, line in progress.failures]
        if len(lines) > max(most, 1):
            shown = lines[: max(most - 1, 1)]
            more = f"{len(lines) - len(shown)} more failed"
            lines = [*shown, more] if most > 1 else shown
        return [Text(f"{SYMBOLS['failed']} {line}", "red") for line in lines]

    def _running(self, progress: RunProgress, columns: int, lines: int, now: float) -> list[Text]:
        levels = 0 if columns < NARROWEST_TREE else 2 if columns < NARROW else 4
        each = 2 if self._verbose and lines >= FEWEST_WITH_LOGS else 1
        forest = grown(progress, TreeSpace(lines, levels, each))
        table = [_cells(progress, row, now) for row in forest.rows]
        found = []
        for row, text in zip(forest.rows, _aligned(table, columns), strict=True):
            found.append(Text(text, "dim" if row.item.state == "waiting" else ""))
            if each == 2 and row.item.log and row.item.state == "running":
                found.append(Text(f"{row.rest}{last_line(row.item.log)}", "dim"))
        if forest.hidden:
            found.insert(0, Text(f"{SYMBOLS['running']} {forest.hidden} more running"))
        return found

    @staticmethod
    def _downloads(progress: RunProgress, columns: int, now: float) -> list[Text]:
        fetches = [each for each in progress.nodes.values() if each.node.kind == "fetch"]
        fetches += progress.pulls.values()
        running = [each for each in fetches if each.state == "running"]
        waiting = [each for each in fetches if each.state in ("waiting", "elsewhere")]
        there = progress.downloads
        size = there.size + received(running)
        rate = there.note(now, size)
        if not running and not waiting:
            return []
        total = there.count + sum(each.files for each in (*running, *waiting))
        amount = _amount(there.size, running) if not waiting else bytes_text(size)
        speed = f", {bytes_text(rate)}/s" if rate else ""
        pulled = bool(there.objects or progress.pulls)
        fetched = bool(there.files or len(running) + len(waiting) > len(progress.pulls))
        noun = "" if pulled and fetched else " objects" if pulled else " files"
        texts = (
            f"downloads: {there.count} of {total}{noun}, {amount}{speed}",
            f"{there.count}/{total}{noun}, {bytes_text(size)}{speed}",
            f"{there.count}/{total} {bytes_text(size)}",
            f"{there.count}/{total}",
        )
        symbol = SYMBOLS["downloads"]
        lines = [f"downloading {each.node.name}" for each in progress.pulls.values()]
        lines.append(_longest_that_fits(columns - 2, texts))
        return [Text(f"{symbol} {line}", "cyan") for line in lines]

    @staticmethod
    def _notices(progress: RunProgress) -> list[Text]:
        return [Text(text) for text in progress.notices.values() if text]

    def _bar(self, progress: RunProgress, columns: int, now: float) -> Text:
        texts, share = _counts(progress, now), progress.share(now)
        if share is None:
            return Text(_longest_that_fits(columns, texts), "bold")
        percent = f"{min(int(share * 100), 100):3}%"
        room = columns - len(percent) - len(GAP) * 2
        text = _longest_that_fits(room - NARROWEST_BAR, texts)
        width = min(room - cell_len(text), WIDEST_BAR)
        if width < NARROWEST_BAR:
            percent = percent.lstrip()
            text = _longest_that_fits(columns - len(percent) - 1, texts)
            return Text(f"{percent} {text}", "bold")
        halves = int(width * 2 * share)
        done = "━" * (halves // 2) + "╸" * (halves % 2)
        ahead = "─" * (width - len(done))
        return Text.assemble(
            (done, "green"), (ahead, "dim"), f"{GAP}{percent}{GAP}", (text, "bold")
        )

    # -- text ---------------------------------------------------------------------------------

    def _drawn(self, text: Text, columns: int) -> DrawnLine:
        """Return a line no wider than the screen, with its colours, and nothing else that is no
        text."""
        parts = ((self._shown(part.text), part.style or "") for part in text.render(self._console))
        text = Text.assemble(*parts)
        text.truncate(columns, overflow="ellipsis" if self._drawings else "crop")
        with self._console.capture() as capture:
            self._console.print(text, end="", soft_wrap=True)
        return DrawnLine(capture.get(), text.cell_len)

    def _shown(self, text: str) -> str:
        """Return the text as the terminal gets it."""
        text = printable(text)
        if self._drawings:
            return text
        plain = text.translate(PLAIN)
        return plain.encode(self._encoding, "backslashreplace").decode(self._encoding)


def _cells(progress: RunProgress, row: TreeRow, now: float) -> tuple[str, str, str]:
    """Return, of a node, its name below the tree's lines, its phase, and its time."""
    item = row.item
    left = f"{row.guides}{SYMBOLS[item.state]} {printable(item.node.name)}"
    usual = item.node.expected
    if item.state == "waiting":
        return left, _waits(progress, item), f"about {usual_text(usual)}" if usual else ""
    phase = "another process" if item.state == "elsewhere" else item.phase or item.node.kind
    return left, printable(phase), elapsed_text(item.elapsed(now), usual)


def elapsed_text(seconds: float, usual: float | None) -> str:
    """Return the time that something has taken, of what it usually takes."""
    short = f"{int(seconds)}s" if seconds < 60 else seconds_text(int(seconds))
    return f"{short} of {usual_text(usual)}" if usual else short


def usual_text(seconds: float) -> str:
    """Return a time that is usual, no finer than it matters: ``3s``, ``2m30s``, ``21m``,
    ``1h02m``."""
    if seconds < 60:
        return f"{max(round(seconds), 1)}s"
    return f"{round(seconds / 60)}m" if 600 <= seconds < 3570 else seconds_text(seconds)


def _aligned(table: Sequence[tuple[str, str, str]], columns: int) -> list[str]:
    """Return the cells of each row in one line; without the middle ones where the screen is
    narrow."""
    if columns < NARROW:
        return [_in_short(left, time, columns) for left, _, time in table]
    if not table:
        return []
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    left = min(widths[0], columns // 2)
    middle = min(widths[1], max(columns - left - widths[2] - 2 * len(GAP), 0))
    return [
        f"{_fitted(cells[0], left)}{GAP}{_fitted(cells[1], middle)}{GAP}{cells[2]}".rstrip()
        for cells in table
    ]


def _in_short(left: str, time: str, columns: int) -> str:
    """Return the running builds with their times so far; waiting ones alone."""
    so_far = "" if time.startswith("about") else time.partition(" of ")[0]
    return f"{_fitted(left, columns - len(so_far) - 1)} {so_far}" if so_far else left


def _waits(progress: RunProgress, item: NodeProgress) -> str:
    """Return the things that a node waits for: ``for 2 builds, 1 download``."""
    needs = [progress.nodes[key] for key in item.node.needs]
    kinds = [each.node.kind for each in needs if each.state in OPEN]
    downloads = kinds.count("fetch")
    counts = ((len(kinds) - downloads, "build"), (downloads, "download"))
    text = ", ".join(counted(count, thing) for count, thing in counts if count)
    return f"waits for {text}" if text else "waits"


def _counts(progress: RunProgress, now: float) -> list[str]:
    """Return how many of all nodes are done, and the time: the longest text first."""
    elapsed = elapsed_text(now - (progress.began or now), None)
    failed = f"{len(progress.failures)} failed" if progress.failures else ""
    running = len([each for each in progress.of_state("running") if each.node.kind != "fetch"])
    of = f"{progress.done} of {progress.total} done" if progress.total else ""
    estimate = progress.left(now)
    left = short = ""
    if estimate is not None and (text := estimate_text(estimate)):
        left = f", {text} left"
        short = f"{'~' if estimate.whole else '>'}{about_text(estimate.seconds)}"
    runs = f"{running} running" if running else "downloading" if progress.pulls else ""
    few = f"{progress.done}/{progress.total}" if progress.total else runs
    return [
        f"{_joined(', ', of, runs, failed)}{GAP}{elapsed}{left}",
        f"{_joined(', ', of, failed)}{GAP}{elapsed}{left}",
        f"{_joined(', ', few, failed)}{left}",
        _joined(" ", few, failed, short),
        _joined(" ", failed or few, short),
        failed or few,
    ]


def _joined(by: str, *parts: str) -> str:
    return by.join(filter(None, parts))


def _amount(there: int, running: Sequence[NodeProgress]) -> str:
    """Return the bytes of downloads, of all where that is known."""
    size = there + received(running)
    sizes = [each.size for each in running if each.size is not None]
    if len(sizes) < len(running):
        return bytes_text(size)
    return f"{bytes_text(size)} of {bytes_text(there + sum(sizes))}"


def _longest_that_fits(columns: int, texts: Sequence[str]) -> str:
    return next((text for text in texts if cell_len(text) <= columns), texts[-1])


def _fitted(text: str, columns: int) -> str:
    """Return the text with exactly so many columns."""
    if cell_len(text) <= columns:
        return set_cell_size(text, columns)
    return set_cell_size(text, columns - 1) + "…" if columns > 0 else ""
