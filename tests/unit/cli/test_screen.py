"""The size of a terminal."""

from __future__ import annotations

import io
import os
import termios

import pytest

from store.cli.screen import ScreenSize, screen_size


def test_a_screen_is_as_large_as_its_terminal_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "132")  # of the terminal that the shell started in
    monkeypatch.delenv("LINES", raising=False)
    master, slave = os.openpty()
    with open(master, "rb"), open(slave, "w") as stream:
        for columns, rows in ((80, 24), (20, 5)):
            termios.tcsetwinsize(slave, (rows, columns))
            assert screen_size(stream) == ScreenSize(columns, rows)
        termios.tcsetwinsize(slave, (0, 0))
        assert screen_size(stream) == ScreenSize(132, 24)
    assert screen_size(io.StringIO()) == ScreenSize(132, 24)
