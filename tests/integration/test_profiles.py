"""``store profile`` on small recipes: packages come and go, and programs start on this host."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.faults.subjects import small_recipes
from tests.integration.conftest import Shop


@pytest.fixture
def small(archive: Path, tmp_path: Path) -> Shop:
    """A store of a test's own, with the small recipes; nothing is built yet."""
    return Shop(tmp_path / "root", small_recipes(tmp_path, archive))


def ok(shop: Shop, *words: str) -> str:
    """The output of a command that must succeed."""
    done = shop.run("profile", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def names(shop: Shop, *options: str) -> list[str]:
    """The names of the installed packages."""
    lines = ok(shop, "list", "--json", *options).splitlines()
    return [json.loads(line)["name"] for line in lines]


def records(shop: Shop, *words: str) -> list[dict[str, Any]]:
    """The values that a command prints as JSON."""
    return [json.loads(line) for line in ok(shop, *words, "--json").splitlines()]


def refused(shop: Shop, code: int, *words: str) -> str:
    """The error of a command that must fail with this code, in one message and one hint."""
    done = shop.run("profile", *words)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert done.stderr.count("store: ") == 1
    assert "unforeseen" not in done.stderr
    return done.stderr


def program(shop: Shop, place: Path, name: str, text: str) -> str:
    """An object with one script in ``bin``; its path."""
    (place / "bin").mkdir(parents=True)
    (place / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
    (place / "bin" / name).chmod(0o755)
    return shop.path("add", str(place))


def test_packages_come_and_go_in_generations(small: Shop) -> None:
    assert ok(small, "install", "base") == "+ base 1\n"
    assert ok(small, "install", "item-1") == "+ item-1 1\n"
    assert ok(small, "install", "item-1") == ""  # it is there
    assert ok(small, "remove", "base") == "- base 1\n"
    assert names(small) == ["item-1"]
    assert ok(small, "rollback") == "+ base 1\n"
    assert names(small) == ["base", "item-1"]
    assert ok(small, "switch", "3") == "- base 1\n"
    history = records(small, "history")
    assert [(each["generation"], each["current"]) for each in history] == [
        *((1, False), (2, False), (3, True))
    ]
    assert [each["changes"][0]["change"] for each in history] == ["added", "added", "removed"]
    assert ok(small, "diff") == "- base 1\n"
    assert ok(small, "diff", "1") == "- base 1\n+ item-1 1\n"
    assert records(small, "diff", "3", "2")[0]["after"]["name"] == "base"
    assert small.run("gc").returncode == 0
    assert ok(small, "switch", "1") == "+ base 1\n- item-1 1\n"
    ok(small, "remove", "base")
    assert names(small) == []
    assert small.run("verify", "--contents").returncode == 0


def test_outputs_and_objects_can_be_installed(small: Shop, tmp_path: Path) -> None:
    path = program(small, tmp_path / "greeter", "greet", "echo hi")
    ok(small, "install", path)
    ok(small, "install", "pair^out")
    listed = records(small, "list")
    assert [(each["name"], each["request"]) for each in listed] == [
        *(("greeter", path), ("pair", "pair^out"))
    ]
    assert "as pair^out" in ok(small, "list")


def test_a_conflict_is_refused_with_both_names_or_settled(small: Shop) -> None:
    ok(small, "install", "item-1")
    error = refused(small, 19, "install", "item-2")
    assert "'item-1' and 'item-2' have different files at 'text'" in error
    assert "--priority" in error
    assert names(small) == ["item-1"]
    ok(small, "install", "item-2", "--priority", "4")
    target = os.readlink(small.root / "profiles" / "default" / "text")
    assert target.endswith("-item-2/text")
    assert records(small, "list")[1]["priority"] == 4


def test_bad_input_is_one_clear_error_and_changes_nothing(small: Shop, tmp_path: Path) -> None:
    ok(small, "install", "base")
    before = sorted(os.listdir(small.root / "profiles"))
    (tmp_path / "file").write_text("mine")
    elsewhere = ("--profile", str(tmp_path / "file"))
    assert "did you mean base" in refused(small, 11, "install", "bose")
    assert "its outputs: out, lib" in refused(small, 12, "install", "pair^none")
    assert "holds no object" in refused(small, 15, "install", "/store/" + "0" * 32 + "-none")
    assert "is a file, and a profile" in refused(small, 2, "install", "above")
    assert "did you mean base?" in refused(small, 15, "remove", "bse")
    assert "nothing was changed" in refused(small, 15, "remove", "base", "item-1")
    assert "its generations: 1" in refused(small, 15, "switch", "7")
    assert "before the current one" in refused(small, 15, "rollback")
    assert "before the current one" in refused(small, 15, "diff")
    for words in (["install", "base"], ["list"], ["history"], ["rollback"]):
        assert "is no profile" in refused(small, 2, *words, *elsewhere)
    assert "does not exist" in refused(small, 2, "install", "base", "-p", "/nowhere/p")
    assert sorted(os.listdir(small.root / "profiles")) == before
    assert (tmp_path / "file").read_text() == "mine"


def test_a_profile_of_ones_own_is_apart(small: Shop, tmp_path: Path) -> None:
    mine = str(tmp_path / "mine")
    ok(small, "install", "base", "--profile", mine)
    assert names(small, "--profile", mine) == ["base"]
    assert names(small) == []
    assert sorted(each.name for each in tmp_path.glob("mine*")) == ["mine", "mine-1-link"]
    small.env["STORE_PROFILE"] = mine
    assert names(small) == ["base"]


def test_programs_start_as_where_the_store_is_the_real_one(small: Shop, tmp_path: Path) -> None:
    see = 'echo "$1 $(pwd)"; ls -d /store/*-seer; grep -ci sigpipe /dev/null; env; exit 3'
    ok(small, "install", program(small, tmp_path / "seer", "see", see))
    folder = small.root / "profiles" / "default" / "launchers"
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "EMPTY": "", "LANG": "C"}
    for command in ([str(folder / "see"), "a b"], ["sh", "-c", 'exec see "a b"']):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 3, done.stderr
        first, found, *rest = done.stdout.splitlines()
        assert first == f"a b {tmp_path}"
        assert found.endswith("-seer")
        told = dict(line.split("=", 1) for line in rest if "=" in line)
        assert told["PATH"] == f"{folder.parent}/bin:/usr/bin:/bin"
        assert told["EMPTY"] == ""
        assert "LC_CTYPE" not in told  # Python adds it where the locale is C
