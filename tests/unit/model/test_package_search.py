"""Packages that words describe."""

from __future__ import annotations

import pytest

from store.model.catalogue import Package
from store.model.package_search import search

NAMES = {
    "stage2.make": "Runs commands for files that are out of date",
    "make": "Runs commands for files that are out of date",
    "stage1.make": "Runs commands for files that are out of date",
    "cmake": "Makes files for make",
    "makedepend": "Finds headers",
    "grep": "Finds lines that match a pattern",
    "diff": "Compares files, as make may",
}
NODES = {name: bytes([at]) * 32 for at, name in enumerate(NAMES)} | {"stage1.make": b"\1" * 32}
PACKAGES = [Package(name, NODES[name], "1", text) for name, text in NAMES.items()]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("make", ["make", "stage2.make", "makedepend", "cmake", "diff"]),
        ("stage1.make", ["stage1.make"]),
        ("FILES date", ["make", "stage2.make"]),
        ("finds", ["grep", "makedepend"]),
        ("head", ["makedepend"]),
        ("finds nowhere", []),
        ("  ", []),
    ],
)
def test_all_words_are_found_and_names_come_first(words: str, names: list[str]) -> None:
    assert [package.name for package in search(PACKAGES, words.split())] == names


def test_a_word_may_be_several() -> None:
    assert [package.name for package in search(PACKAGES, ["finds lines"])] == ["grep"]
