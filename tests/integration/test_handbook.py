"""The operator's handbook: its commands are run as they stand."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from store.cli.command_line import cli
from tests.pages import blocks, page

TOP = Path(__file__).resolve().parents[2]
PAGE = page("handbook.md")


def scheduled() -> list[list[str]]:
    """The commands of cron: the words after ``store``. Those of timers have tests of their own."""
    lines = [line for text in blocks(PAGE, "cron") for line in text.splitlines()]
    found = (re.search(r" nice store (.+)", line) for line in lines)
    return [shlex.split(match[1]) for match in found if match]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder to work in, with ``store`` in its ``bin``, that others may enter."""
    program = tmp_path / "bin" / "store"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m store "$@"\n')
    program.chmod(0o755)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    return tmp_path


def environment(desk: Path) -> dict[str, str]:
    """Return what the commands find: the store of this desk, and the command."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("STORE_")}
    return kept | {
        "HOME": str(desk),
        "XDG_CONFIG_HOME": str(desk / "settings"),
        "PATH": f"{desk / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(TOP),
        "PYTHONDONTWRITEBYTECODE": "1",
        "STORE_ROOT": str(desk / "fixpoint"),
    }


def test_every_block_of_the_handbook_works_as_it_stands(desk: Path) -> None:
    (desk / "first").write_text("so that there is a store\n")
    script = "\n".join(["set -eux", "store add first", *blocks(PAGE, "sh")])
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=desk,
        env=environment(desk),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_what_cron_runs_works(desk: Path) -> None:
    (desk / "first").write_text("so that there is a store\n")
    assert {words[0] for words in scheduled()} == {"gc", "verify"}
    for words in (["add", "first"], *scheduled()):
        subprocess.run(
            ["store", *words], cwd=desk, env=environment(desk), check=True, capture_output=True
        )


def test_every_command_that_the_handbook_names_exists() -> None:
    context = click.Context(cli)
    named = set(re.findall(r"`store ([a-z-]+)", PAGE))
    assert named
    assert [name for name in named if cli.get_command(context, name) is None] == []
