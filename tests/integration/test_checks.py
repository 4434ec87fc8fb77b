"""``store check``: builds whose outputs say which checks a package passed."""

from __future__ import annotations

import json

from store import Session
from store.operations.checks import check
from tests.integration.conftest import Shop
from tests.recipes.copies import RECIPES


def test_a_check_says_what_it_found(shop: Shop) -> None:
    assert shop.path("check", "hello", "--upstream").splitlines() == [
        "✓ hello 1",
        "    says     hello \\x1b 1",
        "    links    hello",
        "    waived   static: it is a script",
        "    upstream passed",
    ]
    record = json.loads(shop.path("check", "hello", "--json"))
    assert record["path"] == shop.path("realise", "hello.check")
    assert (record["passed"], record["upstream"]) == (True, True)
    assert record["waived"] == {"static": "it is a script"}
    assert (record["versions"], record["linked"]) == (["hello \x1b 1"], ["hello"])
    assert "passed" in shop.path("show", "hello")


def test_a_check_that_fails_ends_as_its_build_does(shop: Shop) -> None:
    done = shop.run("check", "--all", "--keep-going", "--json")
    assert done.returncode == 31
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(record["package"], record["passed"]) for record in records if "package" in record] == [
        ("hello", True),
        ("itself", False),
    ]
    [failure] = [record for record in records if "failed" in record]
    assert failure["failed"] == "itself-1-check"
    shown = shop.run("check", "itself")
    assert shown.returncode == 31
    assert shown.stdout == "· itself 1\n"


def test_only_packages_with_checks_are_checked(shop: Shop) -> None:
    for words in (("cores",), ("--group", "none"), (), ("--all", "hello")):
        assert shop.run("check", *words).returncode == 2, words
    assert shop.run("check", "helo").returncode == 11


def test_a_script_checks_packages(shop: Shop) -> None:
    with Session(str(shop.root), str(RECIPES / "toys"), absent="refuse") as session:
        [result] = check(session, "hello")
    assert result.waived == (("static", "it is a script"),)
    assert result.check is not None
