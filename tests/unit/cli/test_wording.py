"""Counts are phrased in the right number."""

from __future__ import annotations

import pytest

from store.cli.wording import counted, estimate_text
from store.scheduler.forecast import Estimate


@pytest.mark.parametrize(
    ("count", "thing", "text"),
    [
        (0, "object", "0 objects"),
        (1, "object", "1 object"),
        (2, "object", "2 objects"),
        (1, "process", "1 process"),
        (3, "process", "3 processes"),
        (1000, "root", "1000 roots"),
    ],
)
def test_a_thing_is_in_the_number_of_its_count(count: int, thing: str, text: str) -> None:
    assert counted(count, thing) == text


def test_the_number_is_written_as_is_asked_for() -> None:
    assert counted(12345, "file", ",") == "12,345 files"
    assert counted(1, " root", ">5,") == "    1  root"


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(2425.0, True), "about 40 min"),
        (Estimate(0.0, True), "about 5 s"),
        (Estimate(300.0, False), "at least 5 min"),
        (Estimate(4.0, False), ""),
    ],
)
def test_an_estimate_is_said_where_enough_is_known(estimate: Estimate, text: str) -> None:
    assert estimate_text(estimate) == text
