"""The end of a script whose results cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
WITH_RESULTS = sorted(
    path.stem for path in SCRIPTS.glob("*.py") if "from scripts.ending import" in path.read_text()
)

SAYING = """
import sys
import click
from scripts.ending import run_script

@click.command()
@click.argument("count", type=int)
def main(count: int) -> None:
    for _ in range(count):
        print("a line of results")
    raise SystemExit(3)

run_script(main)
"""

pytestmark = pytest.mark.slow  # each test starts Python


def test_every_script_with_results_is_known_here() -> None:
    assert {"pins", "smoke", "ladder", "bench", "boot"} <= {*WITH_RESULTS}
    printing = [
        path.stem
        for path in SCRIPTS.glob("*.py")
        if "__main__" in path.read_text() and "print(" in path.read_text()
    ]
    # It prints to standard error alone, but for what its own process reads.
    assert {*printing} - {*WITH_RESULTS} == {"environment"}


@pytest.mark.parametrize("script", WITH_RESULTS)
def test_a_full_output_is_one_error(script: str) -> None:
    if script == "covered":  # it has no option, and its work is a run of all tests
        return
    words = [sys.executable, str(SCRIPTS / f"{script}.py"), "--help"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    said = f"{script}: cannot write standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (61, said)


@pytest.mark.parametrize("count", [1, 10_000])
def test_what_is_printed_decides_before_the_work_does(count: int, tmp_path: Path) -> None:
    (tmp_path / "saying.py").write_text(SAYING)
    words = [sys.executable, str(tmp_path / "saying.py"), str(count)]
    with open("/dev/full", "w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    said = "saying: cannot write standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (61, said)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.count("\n") == count
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_wrong_command_line_is_as_before(tmp_path: Path) -> None:
    (tmp_path / "saying.py").write_text(SAYING)
    words = [sys.executable, str(tmp_path / "saying.py"), "some"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Usage: saying.py [OPTIONS] COUNT" in done.stderr
    assert "'some' is not a valid integer" in done.stderr
