"""Times and sizes, as people read them."""

from __future__ import annotations

import pytest

from store.quantities import about_text, bytes_text, limit_text, seconds_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (12.4, "12s"),
        (59.7, "1m00s"),
        (61, "1m01s"),
        (3599.6, "1h00m"),
        (7325, "2h02m"),
        (2 * 86400 + 3600, "2d01h"),
        (400 * 86400, "400d00h"),
    ],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "5 s"),
        (52, "50 s"),
        (58, "1 min"),
        (430, "7 min"),
        (1290, "20 min"),
        (2425, "40 min"),
        (3500, "1 h"),
        (4900, "1 h 20 min"),
        (7 * 3600 - 10, "7 h"),
        (36400, "10 h"),
        (48 * 3600, "2 days"),
    ],
)
def test_estimates_for_people(seconds: float, text: str) -> None:
    assert about_text(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        ((1 << 20) - 1, "1.0 MiB"),
        (5 << 30, "5.0 GiB"),
        (1 << 50, "1024.0 TiB"),
    ],
)
def test_sizes_for_people(count: int, text: str) -> None:
    assert bytes_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "0.5s"),
        (1, "1s"),
        (90, "90s"),
        (119.5, "119.5s"),
        (600, "10m"),
        (7200, "2h"),
        (1_000_000, "1000000s"),
        (14 * 86400, "14d"),
    ],
)
def test_bounds_as_they_are_given(seconds: float, text: str) -> None:
    assert limit_text(seconds) == text
