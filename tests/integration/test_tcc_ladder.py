"""The small ladder: a compiler that, built by itself, is itself, whichever seed it came from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.conftest import TOP, Shop


@pytest.fixture(scope="module")
def ladder(shop: Shop) -> Shop:
    return replace(shop, recipes=TOP / "derivations")


@pytest.fixture(scope="module")
def rungs(ladder: Shop) -> dict[str, list[str]]:
    """The paths of tcc0, tcc1 and tcc2, by seed."""
    made = {}
    for seed in ("debian", "zig"):
        names = [f"tcc{number}.tcc" for number in range(3)]
        done = ladder.run("realise", "--seed", seed, *names, timeout=1800)
        assert done.returncode == 0, done.stderr
        made[seed] = done.stdout.split()
    return made


@pytest.mark.parametrize("seed", ["debian", "zig"])
def test_tcc_built_by_tcc_is_a_fixpoint(
    ladder: Shop, rungs: dict[str, list[str]], seed: str
) -> None:
    by_seed, by_that, by_itself = rungs[seed]
    assert by_that == by_itself
    assert by_seed != by_that, "another compiler's work: equal paths would prove nothing"
    program = ladder.path("run", "--seed", seed, "tcc", "--", "tcc", "-v")
    assert program.startswith("tcc version 0.9.27")
    for path in (by_seed, by_itself):
        assert ladder.run("verify", path).returncode == 0


def test_two_seeds_that_share_no_compiler_come_to_the_same_tcc(
    rungs: dict[str, list[str]],
) -> None:
    assert rungs["debian"][0] != rungs["zig"][0], "the seeds' compilers emit different code"
    assert rungs["debian"][1:] == rungs["zig"][1:]


def machine_code(tree: Path) -> set[str]:
    """Digests of the programs, libraries and objects in a tree, and of its scripts."""
    found = set()
    for file in tree.rglob("*"):
        if file.is_file() and not file.is_symlink():
            data = file.read_bytes()
            if data.startswith((b"\x7fELF", b"!<arch>\n", b"#!")):
                found.add(hashlib.sha256(data).hexdigest())
    return found


def test_the_seeds_share_nothing_that_runs_or_is_linked(
    ladder: Shop, rungs: dict[str, list[str]]
) -> None:
    del rungs
    trees = [ladder.path("realise", f"seed.{seed}") for seed in ("debian", "zig")]
    debian, zig = (machine_code(ladder.physical(tree)) for tree in trees)
    assert len(debian) > 100
    assert len(zig) >= 3
    assert not debian & zig


@pytest.mark.parametrize("seed", ["debian", "zig"])
def test_another_round_is_a_no_op(ladder: Shop, rungs: dict[str, list[str]], seed: str) -> None:
    """By early cutoff: tcc3 was never built, and its inputs are those that tcc2 was built from."""
    words = ("realise", "--seed", seed, "tcc3.tcc")
    assert ladder.path(*words, "--dry-run") == "nothing to do"
    assert ladder.path(*words) == rungs[seed][2]


def test_an_audit_of_the_stages_agrees(ladder: Shop, rungs: dict[str, list[str]]) -> None:
    del rungs
    names = ("tcc1.tcc", "tcc2.tcc", "tcc3.tcc")
    done = ladder.run("audit", "stages", "--seeds", "debian,zig", "--json", *names)
    assert done.returncode == 0, done.stdout + done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(records) >= 5
    assert {record["verdict"] for record in records} == {"reproduced"}
