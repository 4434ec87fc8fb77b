"""``store search``: packages by words."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.conftest import Line


def test_search_finds_packages_by_words_of_name_and_description(reader: Line) -> None:
    shown = reader.run("search", "stream", "editor").stdout.splitlines()
    assert shown[0].split() == ["·", "sed", "4.9", "The", "stream", "editor"]
    records = [
        json.loads(each) for each in reader.run("search", "--json", "sed").stdout.splitlines()
    ]
    assert records[0]["package"] == "sed"
    assert records[0].keys() >= {"version", "description", "licence", "present"}


def test_search_says_that_there_is_no_such_package(reader: Line) -> None:
    done = reader.run("search", "no", "such\x1b", code=1)
    assert "no package has all words of 'no such\\x1b'" in done.stderr
    assert "store list" in done.stderr


@pytest.mark.parametrize("words", [("",), ("sed", " ")])
def test_search_for_an_empty_word_is_misuse(reader: Line, words: tuple[str, ...]) -> None:
    said = reader.run("search", *words, code=2).stderr
    assert "an empty word is in every name" in said
    assert "store list" in said


def test_search_passes_over_checks_unless_their_group_is_named(reader: Line) -> None:
    found = [each.split()[1] for each in reader.run("search", "zlib").stdout.splitlines()]
    assert found[0] == "zlib"
    assert "zlib.check" not in found
    named = reader.run("search", "--group", "checks", "zlib").stdout
    assert named.split()[1] == "zlib.check"
    said = reader.run("search", "--group", "checks", "nothing", code=1).stderr
    assert "no package of the group checks has 'nothing'" in said
