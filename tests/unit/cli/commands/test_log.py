"""A log on a terminal, and a log that is none."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from store.cli.commands.log import _opened, _Terminal
from store.errors import StoreError


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"plain\n", "plain\n"),
        (b"\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        (b"hidden\rshown\r\nnext", "hidden\nshown\nnext"),
        (b"\xff\xc3\xa4 \xe2\x80\xae", "\\xff\u00e4 \\u202e"),
        (b"a\tb\0", "a\tb\\x00"),
        (b"\x9b31m", "\\x9b31m"),
    ],
)
@pytest.mark.parametrize("cut", [1, 2, 3, 100])
def test_nothing_that_a_builder_wrote_steers_a_terminal(
    monkeypatch: pytest.MonkeyPatch, written: bytes, shown: str, cut: int
) -> None:
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=buffer))
    terminal = _Terminal()
    for start in range(0, len(written), cut):
        terminal.write(written[start : start + cut])
    # Between a return and the feed after it, a line may already have ended.
    assert buffer.getvalue().decode() == shown


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_a_log_that_is_no_file_is_an_error(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "log"
    if kind == "link":
        place.symlink_to("/etc/passwd")
    elif kind == "fifo":
        os.mkfifo(place)
    else:
        place.mkdir()
    with pytest.raises(StoreError, match="cannot read a log"):
        _opened(str(place))
