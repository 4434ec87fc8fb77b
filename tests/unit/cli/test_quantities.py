"""Times and sizes, as people read them."""

from __future__ import annotations

import pytest

from store.cli.quantities import bytes_text, seconds_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0s"),
        (9.94, "9.9s"),
        (12.4, "12s"),
        (61, "1m01s"),
        (3599.6, "1h00m"),
        (7325, "2h02m"),
    ],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (5 << 30, "5.0 GiB"),
        (1 << 50, "1024.0 TiB"),
    ],
)
def test_sizes_for_people(count: int, text: str) -> None:
    assert bytes_text(count) == text
