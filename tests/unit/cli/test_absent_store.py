"""A root where there is no store: it is not made by commands that read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Line

pytestmark = pytest.mark.slow  # each test starts whole processes

OBJECT = "/store/00000000000000000000000000000000-a"


@pytest.mark.parametrize(
    "words",
    [
        *(["list"], ["list", "--json"], ["tree", "xz"], ["show", "xz"], ["seeds"]),
        *(["realise", "--dry-run", "xz"], ["realise", "-n", "--json", "xz"]),
    ],
)
def test_what_recipes_alone_answer_needs_no_store(line: Line, words: list[str]) -> None:
    assert line.run(*words).stdout
    assert not line.root.exists()


@pytest.mark.parametrize(
    "words",
    [
        *(["info", "xz"], ["closure", "xz"], ["why", "xz", "m4"], ["log", "xz"], ["du"], ["stats"]),
        *(["gc"], ["gc", "-n"], ["verify"], ["verify", OBJECT], ["optimise"], ["delete", OBJECT]),
        *(["root", "list"], ["root", "add", "r", OBJECT], ["list", "--objects"]),
        *(["index", "rebuild"], ["run", "xz", "--", "xz"], ["shell", "xz"]),
    ],
)
def test_what_reads_a_store_says_that_there_is_none(line: Line, words: list[str]) -> None:
    assert f"no store at {line.root}" in line.run(*words, code=59).stderr
    assert not line.root.exists()


@pytest.mark.parametrize("words", [[], ["rebuild", "xz"], ["ledger", "xz"]])
def test_of_a_store_that_is_not_there_an_audit_knows_nothing(line: Line, words: list[str]) -> None:
    line.run("audit", *words, code=1)
    assert not line.root.exists()


def test_a_misspelt_package_makes_no_store(line: Line) -> None:
    line.run("realise", "xzz", code=11)
    assert not line.root.exists()


def test_files_that_are_not_there_make_no_store(line: Line, tmp_path: Path) -> None:
    line.run("add", str(tmp_path / "nothing"), code=2)
    line.run("import", "--from", str(tmp_path / "nowhere"), OBJECT, code=15)
    assert not line.root.exists()
