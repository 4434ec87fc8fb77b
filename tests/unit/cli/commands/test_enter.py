"""Entering the kept tree of a build, and running commands from it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from store.cli.commands.enter import command
from store.errors import NotOwner, UsageError


@pytest.mark.root(reason="only root can be another user")
@pytest.mark.parametrize("given", ["folder", "request"])
def test_what_another_user_wrote_is_not_entered(tmp_path: Path, given: str) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    request = kept / "request.json"
    request.write_text('{"name": "x"}')
    os.chown(kept if given == "folder" else request, 12345, 12345)
    result = CliRunner().invoke(command, [str(kept), "-c", "true"])
    assert isinstance(result.exception, NotOwner)


@pytest.mark.parametrize("kind", ["link", "fifo", "missing", "text", "nested"])
def test_what_is_no_request_is_not_entered(tmp_path: Path, kind: str) -> None:
    request = tmp_path / "request.json"
    if kind == "link":
        (tmp_path / "other").write_text("{}")
        request.symlink_to(tmp_path / "other")
    elif kind == "fifo":
        os.mkfifo(request)
    elif kind == "text":
        request.write_text("[1, 2]")
    elif kind == "nested":
        request.write_text('{"name": ' + "[" * 100_000)
    result = CliRunner().invoke(command, [str(tmp_path), "-c", "true"])
    assert isinstance(result.exception, UsageError), result.exception
