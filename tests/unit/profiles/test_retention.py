"""Old generations: the newest are kept, and those that were current lately; the current always."""

from __future__ import annotations

import pytest

from store.profiles.generations import Generation
from store.profiles.retention import Retention

DAY = 86400.0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", Retention(5)),
        ("30d", Retention(0, 30 * DAY)),
        ("5,2w", Retention(5, 14 * DAY)),
        ("12h, 3", Retention(3, DAY / 2)),
        *(
            (text, None)
            for text in ("", "0", "-1", "5,6", "1d,2d", "5,1d,1", "d", "5x", "٣", "1.5")
        ),
    ],
)
def test_a_rule_is_a_number_an_age_or_both(text: str, value: Retention | None) -> None:
    assert Retention.parse(text) == value
    if value is not None:
        assert Retention.parse(str(value)) == value


def numbers(rule: Retention, current: int = 4) -> list[int]:
    """The numbers of those that go, of four that were made 40, 20, 10 and 2 days ago."""
    now = 100 * DAY
    made = {1: 40, 2: 20, 3: 10, 4: 2}
    found = [
        Generation(number, f"p-{number}-link", None, now - days * DAY, number == current)
        for number, days in made.items()
    ]
    return [each.number for each in rule.leaving(found[::-1], now)]


def test_so_many_of_the_newest_are_kept() -> None:
    assert numbers(Retention(1)) == [1, 2, 3]
    assert numbers(Retention(3)) == [1]
    assert numbers(Retention(9)) == []


def test_one_that_was_current_lately_is_kept_however_old() -> None:
    assert numbers(Retention(0, 15 * DAY)) == [1]  # the second one was, until 10 days ago
    assert numbers(Retention(0, 1 * DAY)) == [1, 2, 3]
    assert numbers(Retention(0, 30 * DAY)) == []
    assert numbers(Retention(3, 1 * DAY)) == [1]


def test_the_current_one_is_kept_whatever_the_rule() -> None:
    assert numbers(Retention(1), current=1) == [2, 3]
