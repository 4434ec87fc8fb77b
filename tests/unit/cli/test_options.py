"""Options that are more than a flag."""

from __future__ import annotations

import click
import pytest

from store.cli.options import loudness_options
from store.errors import UsageError


@pytest.mark.parametrize(
    ("words", "loudness"), [([], "usual"), (["-q"], "quiet"), (["--verbose"], "verbose")]
)
def test_how_much_is_said(words: list[str], loudness: str) -> None:
    @click.command()
    @loudness_options
    def command(loudness: str) -> str:
        return loudness

    assert command.main(words, standalone_mode=False) == loudness
    with pytest.raises(UsageError):
        command.main(["-q", "-v"], standalone_mode=False)
