"""A log on a terminal, and a log that is none."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from store.cli.commands.log import _opened, _Terminal
from store.errors import NotOwner, StoreError
from store.layout.paths import Layout


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


KEY = bytes(32)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(str(tmp_path / "root"))
    Path(made.logs).mkdir(parents=True)
    return made


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_a_log_that_is_no_file_is_an_error(layout: Layout, kind: str) -> None:
    place = Path(layout.log(KEY))
    if kind == "link":
        place.symlink_to("/etc/passwd")
    elif kind == "fifo":
        os.mkfifo(place)
    else:
        place.mkdir()
    with pytest.raises(StoreError, match="cannot read a log"):
        _opened(layout, KEY)


def test_a_folder_of_logs_that_became_a_link_is_not_followed(
    layout: Layout, tmp_path: Path
) -> None:
    Path(layout.logs).rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / KEY.hex()).write_text("secret")
    Path(layout.logs).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="cannot read a log"):
        _opened(layout, KEY)


def test_the_root_itself_may_be_a_link(layout: Layout, tmp_path: Path) -> None:
    Path(layout.log(KEY)).write_text("log")
    (tmp_path / "link").symlink_to("root")
    os.close(_opened(Layout(str(tmp_path / "link")), KEY))


@pytest.mark.root(reason="only root can be another user")
def test_another_users_file_among_the_logs_is_not_shown(layout: Layout) -> None:
    Path(layout.log(KEY)).write_text("secret")
    os.chown(layout.root, 12345, 12345)
    with pytest.raises(NotOwner):
        _opened(layout, KEY)
