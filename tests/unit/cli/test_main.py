"""The command line as a whole: every command loads, and bad words are answered."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from store.cli.audit import SUBCOMMANDS
from store.cli.lazy import LazyGroup
from store.cli.main import COMMANDS, cli


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_module_and_a_help_page(name: str) -> None:
    assert isinstance(cli, LazyGroup)
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert result.output.startswith("Usage:")


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
