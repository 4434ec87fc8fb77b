"""The live view on a real terminal: the command in a session of its own, and its window resized."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator

import pyte
import pytest

from tests.integration.conftest import Shop

WAIT = 60.0
"""Seconds for which a picture is waited for."""


class Window:
    """A terminal with a command in its foreground."""

    def __init__(self, shop: Shop, columns: int, rows: int, *words: str, **env: str) -> None:
        self._master, slave = os.openpty()
        termios.tcsetwinsize(slave, (rows, columns))
        self.screen = pyte.Screen(columns, rows)
        self._parser = pyte.ByteStream(self.screen)
        self.written = b""

        def lead() -> None:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            shop.command(*words),
            env=shop.environment() | {"TERM": "xterm"} | env,
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
            preexec_fn=lead,  # noqa: PLW1509
            text=True,
        )
        os.close(slave)

    def resize(self, columns: int, rows: int) -> None:
        """As the window's edge is drawn; the kernel tells the command."""
        self.screen.resize(rows, columns)
        termios.tcsetwinsize(self._master, (rows, columns))

    def lines(self) -> list[str]:
        """Return what one sees."""
        return [line.rstrip() for line in self.screen.display if line.strip()]

    def until(self, pattern: str) -> list[str]:
        """Wait for a picture that has a line like this."""
        deadline = time.monotonic() + WAIT
        while not any(re.search(pattern, line) for line in self.lines()):
            assert time.monotonic() < deadline, self.lines()
            assert self._read(), self.lines()
        return self.lines()

    def end(self) -> tuple[int, str, list[str]]:
        """The exit code, standard output, and the screen at the end."""
        while self._read():
            pass
        assert self.process.stdout is not None
        output = self.process.stdout.read()
        return self.process.wait(WAIT), output, self.lines()

    def close(self) -> None:
        """End its processes that are left."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        os.close(self._master)

    def _read(self) -> bool:
        if not select.select([self._master], [], [], 1.0)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False  # nobody has the other end any more
        self.written += data
        self._parser.feed(data)
        return bool(data)


@pytest.fixture
def windows() -> Iterator[list[Window]]:
    made: list[Window] = []
    yield made
    for window in made:
        window.close()


def test_a_run_is_drawn_while_it_lasts_and_summed_up(shop: Shop, windows: list[Window]) -> None:
    window = Window(shop, 80, 24, "realise", "-k", "-v", "sleeps", "slow-failure")
    windows.append(window)
    window.until("▸ sleeps +nap")
    window.until("^  asleep$")
    seen = window.until("^✗ building slow-failure failed")
    assert "1 running, 1 failed" in window.until("1 failed")[-1]
    assert seen[0] == "failed: building slow-failure failed: exit status 1"
    window.resize(20, 5)
    seen = window.until(r"^▸ sleeps +[0-9ms]+$")
    assert all(len(line) < 20 for line in seen[-2:])
    assert "1 failed" in seen[-1]
    window.resize(70, 12)
    window.until("0 of 2 done, 1 running, 1 failed")
    os.killpg(window.process.pid, signal.SIGINT)
    code, output, seen = window.end()
    assert (code, output) == (130, "")
    assert re.fullmatch(r"1 failed, 1 not done in [0-9.ms]+", seen[-3])
    assert seen[-2].startswith("store: interrupted; finished work is kept")
    assert b"\x1b[?25l" not in window.written  # a killed command leaves the cursor


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"TERM": ""}])
def test_a_terminal_without_a_cursor_to_move_has_plain_lines(
    shop: Shop, windows: list[Window], env: dict[str, str]
) -> None:
    window = Window(shop, 80, 24, "realise", "slow-failure", **env)
    windows.append(window)
    code, output, seen = window.end()
    assert (code, output) == (31, "")
    assert seen[:2] == ["1 to build, 0 to fetch", "building slow-failure"]
    assert b"\x1b" not in window.written


def test_no_color_leaves_the_colours_away(shop: Shop, windows: list[Window]) -> None:
    window = Window(shop, 80, 24, "realise", "slow-failure", NO_COLOR="1")
    windows.append(window)
    code, _, seen = window.end()
    assert code == 31
    assert any(line.startswith("1 failed in") for line in seen)
    assert not re.search(rb"\x1b\[[0-9;]*m", window.written)
