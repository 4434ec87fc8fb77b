"""Types of arguments and options."""

from __future__ import annotations

import click
import pytest

from store.cli.parameter_types import Duration
from store.gc.settings import parse


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5s", 1.5), ("10m", 600), ("2h", 7200), ("1d", 86400), ("2w", 1209600)],
)
def test_durations(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("unit", ["", *"smhdw"])
def test_a_duration_is_what_it_is_in_the_configuration(unit: str) -> None:
    for text in (f"1.5{unit}", f"3 {unit}"):
        settings = parse(f'collect.older-than = "{text}"'.encode())
        assert Duration().convert(text, None, None) == settings.older_than


@pytest.mark.parametrize("text", ["", "0", "-5", "5 x", "m", "1y", "0.0h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="not a duration"):
        Duration().convert(text, None, None)
