"""``store list``."""

from __future__ import annotations

import pytest

from store.cli.command_line import cli
from store.graph.resolver import Resolver
from tests.recipes.copies import RECIPES


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
