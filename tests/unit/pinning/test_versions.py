"""The order of versions is dpkg's, and that of Python's final releases."""

from __future__ import annotations

import itertools

import pytest

from scripts.pinning import versions

ASCENDING = (
    "0.9",
    "1.0~~",
    "1.0~rc1-1",
    "1.0",
    "1.0-1~bpo12+1",
    "1.0-1",
    "1.0-1+deb13u2",
    "1.0-1+deb13u10",
    "1.0-1.1",
    "1.0a",
    "1.0+dfsg-1",
    "1.0.1",
    "1.10",
    "1:0.1",
)


def test_versions_are_ordered_as_dpkg_orders_them() -> None:
    for one, other in itertools.pairwise(ASCENDING):
        assert versions.debian_order(one) < versions.debian_order(other), (one, other)


@pytest.mark.parametrize(("one", "other"), [("1.0", "1.0-0"), ("0:1", "1"), ("1.00", "1.0")])
def test_equal_versions_have_equal_keys(one: str, other: str) -> None:
    assert versions.debian_order(one) == versions.debian_order(other)


@pytest.mark.parametrize(
    ("version", "upstream", "updates"),
    [
        ("1:1.3.dfsg+really1.3.1-1+deb13u1", "1.3.dfsg+really1.3.1", 1),
        ("1.26.3-3+deb13u10", "1.26.3", 10),
        ("2.4-1-3", "2.4-1", 0),
        ("5.2", "5.2", 0),
        ("5.2-1~deb12u1", "5.2", 0),
    ],
)
def test_upstream_part_and_updates_of_a_version(version: str, upstream: str, updates: int) -> None:
    assert versions.upstream(version) == upstream
    assert versions.updates(version) == updates


def test_python_releases_have_an_order_and_trials_have_none() -> None:
    texts = ("0.9", "1.0", "1.0.post1", "1.1", "1.10.0", "2024.1", "1!0.1")
    keys = [versions.python_order(text) for text in texts]
    assert all(keys) and keys == sorted(key for key in keys if key)
    assert versions.python_order("1.0") == versions.python_order("1.0.0")
    for text in ("1.0rc1", "1.0.dev3", "1.0b1", "text", ""):
        assert versions.python_order(text) is None
