"""docs/debugging.md: its commands run as they stand, and print what the page shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from store import errors, job_errors
from tests.integration.conftest import Shop

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "debugging.md").read_text()


def commands() -> list[tuple[str, str]]:
    """Each command of the page's transcripts, with what it prints."""
    blocks = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    steps = [step for block in blocks for step in re.split(r"^\$ ", block, flags=re.M)[1:]]
    return [(line, shown) for line, _, shown in (step.partition("\n") for step in steps)]


def run(shop: Shop, folder: Path, line: str) -> str:
    """Return what a line of shell prints; ``store`` is the shop's."""
    program = folder / "store"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(shop.command())} "$@" 2>&1\n')
    program.chmod(0o755)
    environment = shop.environment() | {"PATH": f"{folder}:{os.environ['PATH']}"}
    python = line.replace("python3", shlex.quote(sys.executable), 1)
    return subprocess.run(
        ["/bin/sh", "-c", python], env=environment, capture_output=True, text=True, check=False
    ).stdout


def test_the_commands_print_what_the_page_shows(shop: Shop, tmp_path: Path) -> None:
    kept = "KEPT"
    for line, shown in commands():
        printed = run(shop, tmp_path, line.replace("KEPT", kept))
        found = re.search(r"kept at (\S+);", printed)
        kept = found[1] if found else kept
        end = shown.rpartition("...\n")[2].replace("KEPT", kept)
        assert printed.endswith(end), line
        assert "..." in shown or printed == end, line
    assert not Path(kept).exists()


def test_the_exit_codes_of_the_page_are_those_of_the_errors() -> None:
    named = re.findall(r"(\d+) `(\w+)`", PAGE)
    assert len(named) > 5
    known = {**vars(errors), **vars(job_errors)}
    assert [(code, name) for code, name in named if known[name].exit_code != int(code)] == []
