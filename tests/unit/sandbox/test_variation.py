"""Variations by name, each of one thing."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.sandbox.request import BuildRequest
from store.sandbox.variation import AHEAD, CONTROL, VARIATIONS, apply, joined, pinned, together

REQUEST = BuildRequest(
    name="hello",
    builder="/bin/sh",
    args=(),
    env=(),
    store_dir="/s",
    work_dir="/w",
    log_path="/l",
    cores=3,
)

CHANGED = {
    "path": set(),
    "cores-more": {"cores"},
    "date": {"clock_ahead"},
    "order-reversed": {"listing"},
    "order-shuffled": {"listing"},
    "personality": {"personality"},
    "user": {"uid", "gid", "user", "group"},
    "aslr": {"aslr"},
}


def changed(request: BuildRequest) -> set[str]:
    before, after = asdict(REQUEST), asdict(request)
    return {key for key in before if before[key] != after[key]}


def test_the_control_changes_nothing() -> None:
    assert apply(CONTROL, REQUEST) == REQUEST
    assert not CONTROL.salt


@pytest.mark.parametrize("name", sorted(CHANGED))
def test_each_variation_changes_its_own_fields_and_no_others(name: str) -> None:
    assert changed(apply(VARIATIONS[name], REQUEST)) == CHANGED[name]


def test_fewer_cores_are_told_and_given_where_there_are_several() -> None:
    several = len(os.sched_getaffinity(0)) > 1
    varied = apply(VARIATIONS["cores"], REQUEST)
    assert (varied.cores, varied.processors) == ((1, 1) if several else (2, None))


def test_every_variation_is_found_under_its_name_and_has_a_line_of_description() -> None:
    assert {*CHANGED, "cores"} == set(VARIATIONS)
    for name, variation in VARIATIONS.items():
        assert variation.name == name
        assert variation.description
        assert "\n" not in variation.description
        assert variation.salt or variation.cores or variation.changes


def test_only_the_path_is_salted() -> None:
    assert [name for name, variation in VARIATIONS.items() if variation.salt] == ["path"]


def test_a_pinned_build_has_a_clock_that_stands() -> None:
    assert apply(pinned(1234), REQUEST).clock_stopped == 1234


def test_only_time_and_order_want_a_tracer() -> None:
    everything: dict[str, Any] = {**VARIATIONS, "control": CONTROL, "pinned": pinned(0)}
    traced = {name for name, each in everything.items() if apply(each, REQUEST).wants_tracing}
    assert traced == {"date", "order-reversed", "order-shuffled", "pinned"}


@given(st.datetimes(datetime(2020, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_every_part_of_the_date_differs(now: datetime) -> None:
    then = now + timedelta(seconds=AHEAD)
    for part in ("year", "month", "day", "hour", "minute", "second"):
        assert getattr(now, part) != getattr(then, part)
    assert now.weekday() != then.weekday()


def test_all_variations_go_into_two_builds() -> None:
    groups = together(list(VARIATIONS.values()))
    assert len(groups) == 2
    assert sorted(item.name for group in groups for item in group) == sorted(VARIATIONS)


@given(st.lists(st.sampled_from(sorted(VARIATIONS)), unique=True))
def test_each_variation_changes_the_same_in_a_group_as_alone(names: list[str]) -> None:
    for group in together([VARIATIONS[name] for name in names]):
        whole = joined(group)
        assert whole.name == "+".join(item.name for item in group)
        both = asdict(apply(whole, REQUEST))
        for item in group:
            alone = apply(item, REQUEST)
            assert {name: both[name] for name in changed(alone)}.items() <= asdict(alone).items()
            assert whole.salt == item.salt or not item.salt
