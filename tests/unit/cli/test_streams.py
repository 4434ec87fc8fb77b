"""Output that nobody reads or that cannot be written, signals, and what terminals take."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from store.cli import streams
from store.cli.streams import may_redraw, may_style
from tests.unit.cli.conftest import Line

pytestmark = pytest.mark.slow  # each test starts whole processes

WRITING = [
    ["list"],
    ["--help"],
    ["--version"],
    ["seeds"],
    ["completion", "bash"],
    ["list", "--json"],
]


@pytest.mark.parametrize("words", [*WRITING, ["realise", "--help"], ["realise", "-n", "xz"]])
def test_a_pipe_that_nobody_reads_is_141_and_silent(line: Line, words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        line.command(*words), check=False, stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("words", WRITING)
def test_a_full_disk_under_the_output_is_61(line: Line, words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            line.command(*words), check=False, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 61
    assert done.stderr == "store: cannot write standard output: No space left on device\n"


@pytest.mark.parametrize("words", [["verify"], ["optimise"], ["gc"]])
def test_a_full_disk_under_the_errors_stops_nothing(line: Line, words: list[str]) -> None:
    line.run("add", __file__)
    with open("/dev/full", "w") as full:
        assert subprocess.run(line.command(*words), check=False, stderr=full).returncode == 0


def test_an_error_whose_reader_is_gone_is_141(line: Line) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(line.command("info", "x"), check=False, stderr=writing)
    os.close(writing)
    assert done.returncode == 141


def test_output_that_would_block_is_waited_for(line: Line) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with subprocess.Popen(line.command("list", "--sources", "--json"), stdout=writing) as process:
        os.close(writing)
        time.sleep(0.2)
        with open(reading, "rb") as stream:
            told = stream.read()
    assert process.returncode == 0
    assert told.count(b"\n") == told.count(b'{"package"') > 100


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_with_128_and_its_number(line: Line, tmp_path: Path, number: int) -> None:
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    (recipes / "stages.py").write_text("while True:\n    pass\n")
    seed = tmp_path / "bootstrap-seeds" / "debian"
    seed.mkdir(parents=True)
    (seed / "seed.json").write_text("{}")
    command = line.command("--recipes", str(recipes), "list")
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        time.sleep(1)
        process.send_signal(number)
        assert process.stderr is not None
        told = process.stderr.read().decode()
    assert process.returncode == 128 + number, told
    assert "Traceback" not in told


def test_a_hang_up_that_nohup_ignores_stays_ignored() -> None:
    # Of a child, since a test must not change its own process.
    program = (
        "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
        "sys.argv = ['store', '--version']; from store.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "True"


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("term", "no_color", "redraws", "styles"),
    [
        ("xterm", None, True, True),
        ("xterm", "", True, True),
        ("xterm", "1", True, False),
        ("dumb", None, False, False),
        (None, None, False, False),
        ("", None, False, False),
        ("unknown", None, False, False),
    ],
)
def test_what_a_terminal_takes_is_asked_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
    term: str | None,
    no_color: str | None,
    redraws: bool,
    styles: bool,
) -> None:
    for name, value in (("TERM", term), ("NO_COLOR", no_color)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert may_redraw(Terminal()) is redraws
    assert may_style(Terminal()) is styles
    assert not may_style(io.StringIO())
    assert streams.ENDING.signal is None
