"""The command line as a whole: every command loads, and bad words are answered."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from store.cli import main
from store.cli.command_line import COMMANDS, cli
from store.cli.commands.audit import SUBCOMMANDS
from store.cli.lazy import LazyGroup
from store.local.store import Store
from tests.unit.cli.conftest import Line

TOP = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_module_and_a_help_page(name: str) -> None:
    assert isinstance(cli, LazyGroup)
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert result.output.startswith("Usage:")


@pytest.mark.parametrize("name", COMMANDS)
def test_no_line_of_a_list_of_commands_is_cut_off(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"], terminal_width=80)
    listed = result.output.partition("\nCommands:\n")[2]
    assert "..." not in listed


def test_near_matches_are_offered_for_a_command_that_does_not_exist() -> None:
    result = CliRunner().invoke(cli, ["relise"])
    assert result.exit_code == 2
    assert "did you mean realise" in result.output


def test_the_help_page_lists_every_command() -> None:
    output = CliRunner().invoke(cli, ["--help"]).output
    assert all(f"  {name}" in output for name in COMMANDS)


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_audit_has_a_module_and_a_help_page(name: str) -> None:
    result = CliRunner().invoke(cli, ["audit", name, "--help"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("Usage:")


@pytest.mark.parametrize("words", [["gc"], ["gc", "-n"], ["root", "list"], ["du"], ["stats"]])
@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_who_closes_our_streams_hears_nothing(
    line: Line, tmp_path: Path, words: list[str], closed: tuple[int, ...]
) -> None:
    line.add(tmp_path / "dead", "dead")

    def close() -> None:
        for fd in closed:
            os.close(fd)

    done = subprocess.run(line.command(*words), check=False, capture_output=True, preexec_fn=close)
    assert done.returncode == 0, done.stderr
    assert line.held() == ([] if words == ["gc"] else ["dead"])


@pytest.mark.parametrize("words", [["gc", "-n"], ["root", "list"], ["du"], ["stats"]])
def test_output_that_cannot_be_written_is_told_as_that(
    line: Line, tmp_path: Path, words: list[str]
) -> None:
    line.add(tmp_path / "dead", "dead", "--out-link", str(tmp_path / "link"))
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            line.command(*words), check=False, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 61
    assert done.stderr == "store: cannot write standard output: No space left on device\n"


def test_a_log_on_a_full_disk_does_not_stop_who_makes_room(line: Line, tmp_path: Path) -> None:
    line.add(tmp_path / "dead", "dead")
    with open("/dev/full", "w") as full:
        done = subprocess.run(line.command("gc", "--json"), check=False, stderr=full)
    assert done.returncode == 0
    assert line.held() == []


def test_a_locale_that_lacks_our_signs_is_no_error(line: Line, tmp_path: Path) -> None:
    path = line.add(tmp_path / "dead", "dead", "--out-link", str(tmp_path / "ü"))
    environment = os.environ | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    command = line.command("gc", "why-alive", path)
    done = subprocess.run(
        [*command[:1], "-X", "utf8=0", *command[1:]],
        check=False,
        capture_output=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert path.encode() in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([b"\xff"], "Error: no command is named '\\xff'\n"),
        ([b"realise", b"--timeout", b"\xfe", b"x"], "'\\xfe' is not a duration"),
        ([b"enter", b"/x\x1b[31m"], "'/x\\x1b[31m' does not exist; a kept"),
        ([b"seeds", b"\x1b[2J"], "unexpected extra argument (\\x1b[2J)"),
        ([b"completion", b"\xff"], "'\\xff' is not one of"),
    ],
)
def test_words_that_are_no_text_are_shown_as_codes(
    line: Line, words: list[bytes], says: str
) -> None:
    assert says in line.run(*words, code=2).stderr


@pytest.mark.parametrize("text", ["tcc", "/store/x", "\x1b[31m", ""])
def test_import_wants_the_whole_path_of_an_object(line: Line, text: str) -> None:
    done = line.run("import", "--from", "/nowhere", "--", text, code=2)
    assert "is no object's path\n  hint: `store info`" in done.stderr


@pytest.mark.parametrize(
    "words", [["--root", "rel", "list"], ["--root", "../rel", "add", "x"], ["index", "backup", "b"]]
)
def test_a_current_folder_that_was_removed_is_told(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "gone").mkdir()
    root = str(tmp_path / "root")
    line = """import os, sys
os.chdir(sys.argv[1]); os.rmdir(sys.argv[1])
sys.argv[:2] = ["store"]
from store.cli.main import main
main()"""
    Store.open(root).close()
    done = subprocess.run(
        [sys.executable, "-c", line, str(tmp_path / "gone"), *words],
        env=os.environ | {"STORE_ROOT": root, "PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 50
    assert done.stderr.startswith("store: the current folder is missing: it was removed\n  hint: ")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "store: there is not enough memory\n  hint: `ulimit -v`"),
        (ValueError("\udcff\x1b[2J\n"), "store: unforeseen: ValueError: \\xff\\x1b[2J\\n\n"),
    ],
)
def test_what_nobody_foresaw_is_one_harmless_line(
    error: Exception, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise error

    monkeypatch.setattr(main, "_run", fail)
    for name in ("open_streams", "allow_open_files"):
        monkeypatch.setattr(main, name, lambda *_: None)
    monkeypatch.setattr(main, "_ended", lambda code: code)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith(told)


@pytest.mark.parametrize("words", [["index"], ["key"], ["root"]])
def test_a_group_without_a_command_shows_its_help_once(line: Line, words: list[str]) -> None:
    error = line.run(*words, code=2).stderr
    assert error.count("Usage:") == 1
    assert "Commands:" in error
    assert "Error" not in error


def test_what_can_be_chosen_is_listed_a_line_each(line: Line) -> None:
    assert "\tbash,\n\tzsh,\n" in line.run("completion", code=2).stderr


def test_a_link_without_a_name_is_said_to_be_so(line: Line) -> None:
    assert "a link needs a name" in line.run("realise", "-o", "", "x", code=2).stderr


def test_the_folder_to_enter_is_named_as_its_bytes(line: Line) -> None:
    error = line.run("enter", b"/none/\xff\x1b\n", code=2).stderr
    assert error == (
        "store: '/none/\\xff\\x1b\\n' does not exist; a kept tree is a folder\n"
        "  hint: `store realise --keep-failed` says where it keeps one\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize("words", [["du", "--html"], ["index", "backup"]])
def test_a_file_that_was_written_is_named_on_one_line(
    line: Line, tmp_path: Path, words: list[str]
) -> None:
    line.add(tmp_path / "one", "one")
    error = line.run(*words, f"{tmp_path}/a\nb\x1b[1m").stderr
    assert error.endswith("\n")
    assert "a\\nb\\x1b[1m" in error.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "traced"),
    [
        (["--debug", "info", "nothing"], True),
        (["--root", "/nowhere", "--debug", "info", "nothing"], True),
        (["--root", "--debug", "info", "nothing"], False),
        (["run", "nothing", "--", "program", "--debug"], False),
        (["info", "nothing"], False),
    ],
)
def test_a_trace_is_shown_to_who_asks_for_it_before_the_command(
    tmp_path: Path, words: list[str], traced: bool
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "store", *words],
        cwd=tmp_path,
        env={**os.environ, "STORE_ROOT": str(tmp_path / "root"), "STORE_DEBUG": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert ("Traceback" in done.stderr) == traced, done.stderr
