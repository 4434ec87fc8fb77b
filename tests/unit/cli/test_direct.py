"""Usual lines do without click what they do with it: byte for byte."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from store.cli import command_line, outputs
from store.cli.commands import realise
from store.cli.context import Context
from store.cli.direct import plain_command
from tests.recipes.copies import RECIPES

pytestmark = pytest.mark.slow  # each test starts whole processes

ALWAYS = """
import sys
from store.cli import main
if sys.argv.pop(1) == "click":
    main.plain_command = lambda args: None
main.main()
"""


SERVER = "grpc+unix:/none"


class Told(NamedTuple):
    """The output of a command and how it ended."""

    output: bytes
    errors: bytes
    code: int


def run(way: str, words: tuple[str | bytes, ...], told: Mapping[str, str], out: str = "") -> Told:
    """Run ``words`` by ``way``, ``click`` or ``direct``, in a copy of the environment."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("STORE_")}
    with open(out or os.devnull, "wb") as stream:
        done = subprocess.run(
            [sys.executable, "-c", ALWAYS, way, *words],
            env={**kept, **told},
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=stream if out else subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    return Told(done.stdout or b"", done.stderr, done.returncode)


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """An environment with recipes, and a store in which one package is realised."""
    root = tmp_path_factory.mktemp("direct") / "root"
    told = {"STORE_ROOT": str(root), "STORE_RECIPES": str(RECIPES / "toys")}
    assert run("click", ("realise", "note"), told).code == 0
    return told


DIRECT: list[tuple[str | bytes, ...]] = [
    ("--version",),
    ("list",),
    ("realise", "note"),
    ("realise", "note", "note"),
    ("realise", "note^out"),
    ("realise", "note^*"),
    ("realise", "note^none"),
    ("realise", "note^"),
    ("realise", "noet"),
    ("realise", ""),
    ("realise", "note", "none"),
    ("realise", b"\xff\x1b"),
    ("realise", "note", "--jobs", "2"),
    ("realise", "-j", "2", "note", "-c", "1", "note"),
    ("realise", "--seed", "none-such", "note"),
    ("realise", "note", "--seed", "none-such", "--seed", "zig", "--cores", "3"),
    ("realise", "note", "--on", "grpc+unix:/none"),
    ("realise", "--on", SERVER, "--remote-sandbox", "worker", "--remote-jobs", "2", "note"),
    ("realise", "other", "--on", SERVER, "--remote-sandbox", "worker"),
    ("--seed", "none-such", "list"),
    ("--seed", "none-such", "realise", "--seed", "zig", "note"),
    ("--recipes", "/none", "list"),
    ("--root", "/dev/null", "realise", "note"),
    ("--root", "~none-such/root", "list"),
    ("verify",),
    ("verify", "--contents"),
    ("--root", "/none", "verify", "--contents"),
    ("--root", "/dev/null", "verify"),
]

WRONG: list[tuple[str | bytes, ...]] = [
    ("realise", "note", "--on", "http://127.0.0.1:1"),
    ("realise", "note", "--on", "grpc+unix:none"),
]

CLICK: list[tuple[str | bytes, ...]] = [
    ("realise",),
    ("realise", "--jobs", "2"),
    ("realise", "note", "--jobs"),
    ("realise", "note", "--jobs", "0"),
    ("realise", "note", "--jobs", "-1"),
    ("realise", "note", "--jobs", "two"),
    ("realise", "note", "--jobs", "\N{ARABIC-INDIC DIGIT TWO}"),
    ("realise", "note", "--jobs=2"),
    ("realise", "note", "-j2"),
    ("realise", "note", "--job", "2"),
    ("realise", "note", "--seed", ""),
    ("realise", "note", "--root", "/none"),
    ("list", "--seed", "zig"),
    ("--jobs", "2", "realise", "note"),
    ("--root", "", "list"),
    ("--root", "-q", "list"),
    ("--root",),
    ("--seed", "zig", "--version"),
    ("realise", "--"),
    ("realise", "-"),
    ("realise", "note", "-q"),
    ("realise", "note", "--on", ""),
    ("realise", "note", "--remote-jobs", "2"),
    ("realise", "note", "--remote-sandbox", "worker"),
    ("realise", "note", "--on", SERVER, "--remote-jobs", "0"),
    ("realise", "note", "--on", SERVER, "--remote-sandbox", "none"),
    ("realise", "--none", "note"),
    ("list", "note"),
    ("verify", "--content"),
    ("verify", "note"),
    ("verify", "--contents", "--contents"),
    ("verify", "--none"),
    ("--root", "", "verify"),
    ("--version", "list"),
    ("lists",),
    (),
]

ELSEWHERE: list[Mapping[str, str]] = [
    {"STORE_SEED": "a/b"},
    {"STORE_SEED": "none-such"},
    {"STORE_RECIPES": "/none"},
    {"STORE_ROOT": "/dev/null"},
    {"STORE_ROOT": "~none-such/root"},
    {"STORE_EVALUATION_TIMEOUT": "soon"},
    {"STORE_DEBUG": "1", "STORE_SEED": ""},
    {"_STORE_COMPLETE": "bash_source"},
]


@pytest.mark.parametrize("words", DIRECT + WRONG + CLICK, ids=str)
def test_a_line_says_the_same_with_click_and_without(
    toys: Mapping[str, str], words: tuple[str | bytes, ...]
) -> None:
    assert run("direct", words, toys) == run("click", words, toys)


@pytest.mark.parametrize("told", ELSEWHERE, ids=str)
@pytest.mark.parametrize("words", [("list",), ("realise", "note"), ("verify",)])
def test_settings_mean_the_same_with_click_and_without(
    toys: Mapping[str, str], words: tuple[str, ...], told: Mapping[str, str]
) -> None:
    assert run("direct", words, {**toys, **told}) == run("click", words, {**toys, **told})


@pytest.mark.parametrize("words", [("--version",), ("list",), ("realise", "note")])
def test_a_full_disk_is_told_the_same(toys: Mapping[str, str], words: tuple[str, ...]) -> None:
    direct = run("direct", words, toys, "/dev/full")
    assert direct.code == 61
    assert direct == run("click", words, toys, "/dev/full")


def test_damage_is_told_the_same(tmp_path: Path) -> None:
    told = {"STORE_ROOT": str(tmp_path / "root"), "STORE_RECIPES": str(RECIPES / "toys")}
    made = run("click", ("realise", "note"), told)
    assert run("direct", ("verify", "--contents"), told).code == 0
    path = Path(told["STORE_ROOT"], os.fsdecode(made.output.strip()).lstrip("/"))
    times = path.stat()
    path.chmod(0o600)
    path.write_bytes(bytes(path.stat().st_size))
    path.chmod(times.st_mode & 0o777)
    os.utime(path, ns=(times.st_mtime_ns, times.st_mtime_ns))
    assert run("direct", ("verify",), told).code == 0
    direct = run("direct", ("verify", "--contents"), told)
    assert direct.code == 2
    assert b"content" in direct.output
    assert direct == run("click", ("verify", "--contents"), told)


@pytest.mark.parametrize("absent", ["none", "none/none"])
def test_a_missing_store_is_the_same(toys: Mapping[str, str], tmp_path: Path, absent: str) -> None:
    told = {**toys, "STORE_ROOT": str(tmp_path / absent)}
    assert run("direct", ("list",), told) == run("click", ("list",), told)
    assert not (tmp_path / "none").exists()


def test_lines_with_other_options_or_of_other_commands_are_left_to_click() -> None:
    for line in CLICK:
        assert plain_command([os.fsdecode(word) for word in line]) is None
    for line in DIRECT + WRONG:
        assert plain_command([os.fsdecode(word) for word in line]) is not None


@pytest.mark.parametrize("words", [line for line in DIRECT if "realise" in line], ids=str)
def test_options_mean_the_same_with_click_and_without(
    words: tuple[str | bytes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def note(
        context: Context, packages: Sequence[str], options: object, *_: object, **__: object
    ) -> None:
        session = context.session
        places = (session.root, session.recipes, session.seed)
        asked.append((*places, context.debug, list(packages), options))

    for module in (outputs, realise):
        monkeypatch.setattr(module, "realise", note)
    line = [os.fsdecode(word) for word in words]
    command = plain_command(line)
    assert command is not None
    command()
    command_line.run(line)
    assert len(asked) == 2
    assert asked[0] == asked[1]
