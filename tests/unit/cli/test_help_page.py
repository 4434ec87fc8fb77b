"""Help pages on narrow terminals: no line is longer than the terminal is wide."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from store.cli.command_line import cli

PAGES: tuple[list[str], ...] = (
    [],
    ["realise"],
    ["gc"],
    ["import"],
    ["profile", "install"],
    ["cache", "prune"],
)


def page(words: list[str], columns: int) -> list[str]:
    """The lines of a command's help on a terminal of so many columns."""
    done = CliRunner().invoke(cli, [*words, "--help"], env={"COLUMNS": str(columns)})
    assert done.exit_code == 0
    return done.stdout.splitlines()


@pytest.mark.parametrize("columns", [40, 45, 51])
@pytest.mark.parametrize("words", PAGES, ids=" ".join)
def test_no_line_of_help_is_wider_than_the_terminal(words: list[str], columns: int) -> None:
    assert [line for line in page(words, columns) if len(line) > columns] == []


def test_on_a_narrow_terminal_long_options_have_a_line_of_their_own() -> None:
    lines = page(["cache", "prune"], 40)
    at = lines.index("  --older-than DURATION")
    assert lines[at + 1 : at + 3] == [
        "                Remove objects last",
        "                pushed this long ago,",
    ]


def test_from_fifty_two_columns_on_a_page_is_as_click_writes_it() -> None:
    assert page(["gc"], 52) == page(["gc"], 200)  # the runner has click take 80
