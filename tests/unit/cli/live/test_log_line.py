"""The last line of a log that somebody else writes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.cli.live.log_line import PIECE, last_line


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", ""),
        (b"first\nsecond\n", "second"),
        (b"first\nbegun", "begun"),
        (b"first\n\n  \n@phase install\n", "first"),
        (b"10%\r20%\r30%", "30%"),
        (b"30%\r", "30%"),
        (b"a\tb\n", "a       b"),
        (b"\033[1mbold\n", r"\x1b[1mbold"),
        (b"\xff\xfe\n", "\ufffd\ufffd"),
        (b"\n" * 9000, ""),
        (b"x" * 9000, "x" * PIECE),
    ],
)
def test_the_last_line_that_says_something(tmp_path: Path, content: bytes, line: str) -> None:
    log = tmp_path / "log"
    log.write_bytes(content)
    assert last_line(str(log)) == line


def test_what_is_no_file_has_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name in ("missing", "fifo", "link", "."):
        assert last_line(str(tmp_path / name)) == ""
