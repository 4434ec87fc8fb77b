"""``store list``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from store.cli.command_line import cli
from store.cli.screen import ScreenSize
from store.graph.resolver import Resolver
from tests.recipes.copies import RECIPES
from tests.unit.cli.conftest import Line


def test_all_packages_are_looked_up_in_one_walk(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not each with all that is below it again: with a hundred, that took as long as the rest."""
    walks = []
    identify = Resolver.identify

    def counted(self: Resolver, goals: object) -> None:
        walks.append(goals)
        identify(self, goals)  # type: ignore[arg-type]

    monkeypatch.setattr(Resolver, "identify", counted)
    root = tmp_path_factory.mktemp("root") / "none"
    words = ["--root", str(root), "--recipes", str(RECIPES / "toys"), "list"]
    cli.main(words, prog_name="store", standalone_mode=False)
    assert len(capsys.readouterr().out.splitlines()) > 3
    assert len(walks) == 1


def test_checks_are_listed_when_their_group_is_named(reader: Line) -> None:
    usual = reader.run("list").stdout
    assert " zlib " in usual
    assert "zlib.check" not in usual
    assert "source.zlib" not in usual
    assert " source.zlib " in reader.run("list", "--sources").stdout
    checks = reader.run("list", "--group", "checks", "--group", "libs").stdout.splitlines()
    names = [each.split()[1] for each in checks]
    assert {"zlib", "zlib.check"} <= set(names)
    assert names == sorted(names)


def test_a_line_of_json_has_licence_homepage_group_and_size(reader: Line) -> None:
    lines = reader.run("list", "--group", "libs", "--json").stdout.splitlines()
    [zlib] = [record for record in map(json.loads, lines) if record["package"] == "zlib"]
    assert zlib["licence"] == "Zlib"
    assert zlib["homepage"] == "https://zlib.net/"
    assert (zlib["group"], zlib["present"], zlib["size"]) == ("libs", False, None)


def test_a_terminal_cuts_lines_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--root", str(tmp_path / "none"), "--recipes", str(RECIPES / "toys"), "list"]
    cli.main(words, prog_name="store", standalone_mode=False)
    whole = capsys.readouterr().out.splitlines()
    assert max(map(len, whole)) > 40
    monkeypatch.setattr("store.cli.packages.may_redraw", lambda stream: True)
    monkeypatch.setattr("store.cli.packages.screen_size", lambda stream: ScreenSize(40, 24))
    cli.main(words, prog_name="store", standalone_mode=False)
    short = capsys.readouterr().out.splitlines()
    assert short == [line if len(line) <= 40 else f"{line[:39]}…" for line in whole]


def test_a_group_that_there_is_not_is_refused(reader: Line) -> None:
    assert "no package is in the group 'lib'" in reader.run("list", "--group", "lib", code=2).stderr
    assert "--objects" in reader.run("list", "--group", "libs", "--objects", code=2).stderr
