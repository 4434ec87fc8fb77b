"""The rules of a policy, and the settings that policies are made from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import UsageError
from store.gc.policy import Policy
from store.gc.settings import Settings, load, parse, parse_duration, parse_size
from store.layout.paths import Layout

BYTES = st.integers(0, 1 << 50)
LIMITS = st.none() | BYTES


@given(LIMITS, LIMITS, BYTES, BYTES)
def test_of_two_bounds_the_one_that_is_reached_first_counts(
    most: int | None, keep: int | None, freed: int, free: int
) -> None:
    wanted = Policy(max_freed=most, keep_free=keep).wanted(freed, free)
    if most is None and keep is None:
        assert wanted is None
        return
    assert wanted is not None
    assert wanted >= 0
    reached = (most is not None and freed >= most) or (keep is not None and free >= keep)
    assert (wanted == 0) == reached
    # Whoever frees just that has reached a bound, and not with a byte less.
    after = Policy(max_freed=most, keep_free=keep).wanted(freed + wanted, free + wanted)
    assert after == 0


def test_without_a_file_nothing_is_collected_unasked(layout: Layout) -> None:
    assert load(layout) == Settings()
    assert load(layout).min_free is None


def test_a_file_says_when_to_begin_and_when_to_stop(layout: Layout) -> None:
    Path(layout.config).write_text(
        '[collect]\nmin-free = "1.5 GiB"\nmax-free = "3G"\nolder-than = "2d"\n'
        "keep-derivations = true\n"
    )
    settings = load(layout)
    assert settings == Settings(3 << 29, 3 << 30, 172800.0, True)
    assert settings.policy() == Policy(None, 3 << 30, 172800.0, True)


def test_who_says_only_when_to_begin_stops_there(layout: Layout) -> None:
    assert parse(b'[collect]\nmin-free = "1K"') == Settings(1024, 2048)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[collect]\nmin_free = "1G"', "collect.min_free"),
        ('[colect]\nmin-free = "1G"', "colect"),
        ('[collect]\nmin-free = "much"', "no size"),
        ("[collect]\nmin-free = -1", "no size"),
        ("[collect]\nmin-free = true", "no size"),
        ('[collect]\nmax-free = "1G"', "without collect.min-free"),
        ('[collect]\nmin-free = "2G"\nmax-free = "1G"', "less"),
        ('[collect]\nolder-than = "long"', "no duration"),
        ("[collect]\nkeep-derivations = 1", "neither"),
        ('[collect]\nolder-than = "0"', "no duration"),
        ("collect = 3", "not a table"),
        ("[collect", "Expected"),
        ("a = " + "[" * 5000, "nested"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(layout: Layout, text: str, said: str) -> None:
    Path(layout.config).write_text(text)
    with pytest.raises(UsageError, match=said) as caught:
        load(layout)
    assert layout.config in caught.value.message


def test_bytes_that_are_no_text_and_a_link_to_nothing_are_told_as_that(layout: Layout) -> None:
    Path(layout.config).write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not UTF-8"):
        load(layout)
    Path(layout.config).unlink()
    assert load(layout) == Settings()
    Path(layout.config).symlink_to("nothing")
    with pytest.raises(UsageError, match="leads nowhere"):
        load(layout)


def test_a_fifo_in_the_place_of_the_settings_is_not_waited_for(layout: Layout) -> None:
    os.mkfifo(layout.config)
    with pytest.raises(UsageError, match="is no file"):
        load(layout)


@given(st.binary(max_size=200))
def test_whatever_stands_in_a_file_is_read_or_refused(data: bytes) -> None:
    try:
        settings = parse(data)
    except ValueError:
        return
    assert settings.max_free is None or (settings.min_free or 0) <= settings.max_free


@given(st.integers(0, 10**15), st.sampled_from(list(enumerate(("", "K", "M", "G", "T")))))
def test_sizes_are_in_powers_of_1024(count: int, unit: tuple[int, str]) -> None:
    power, letter = unit
    assert parse_size(f"{count}{letter}") == int(float(count) * 1024**power)


@pytest.mark.parametrize("text", ["", "G", "-1", "1e3", "1 GG", "٣G", "0x10", "1,5G"])
def test_what_is_no_size_is_none(text: str) -> None:
    assert parse_size(text) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5h", 5400), ("2w", 1209600), ("7d", 604800), ("-1d", None)],
)
def test_durations_are_seconds(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("number", [str(1 << 63), "0x" + "f" * 10_000, "-1", "true", "1.5"])
def test_a_size_is_a_number_that_a_disk_may_have(number: str) -> None:
    assert parse(f"[collect]\nlogs-size = {(1 << 63) - 1}\n".encode()).logs_size == (1 << 63) - 1
    with pytest.raises(ValueError, match="no size such as"):
        parse(f"[collect]\nlogs-size = {number}\n".encode())
