"""Audits in real sandboxes: each cause is found by the variation that names it, and a backdoor by
another seed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from store.sandbox.variation import VARIATIONS
from tests.integration.conftest import TOP, TOYS, Shop
from tests.integration.test_realise import builders, wait_for
from tests.recipes.copies import RECIPES, copy_recipes

Taker = Callable[["subprocess.Popen[str]"], "subprocess.Popen[str]"]
Record = dict[str, Any]

STABLE = ("steady", "above", "long-script")
DECIDED = {
    "year": {"date"},
    "path": {"path"},
    "processors": {"cores", "cores-more"},
    "order": {"order-reversed", "order-shuffled"},
    "user": {"user"},
    "kernel": {"personality"},
    "addresses": {"aslr"},
}
"""Toys that come out the same until something is varied, and what."""


@pytest.fixture(scope="module")
def audited(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The toys, realised."""
    copy = copy_recipes("toys", tmp_path_factory.mktemp("audited"), audited=True)
    made = replace(shop, recipes=copy)
    done = made.run("realise", *STABLE, *DECIDED, "time", "chance", "pair", "picky")
    assert done.returncode == 0, done.stderr
    return made


def audit(shop: Shop, *words: str) -> tuple[int, list[Record]]:
    """The exit code and the JSON lines of an audit."""
    done = shop.run("audit", *words, "--json")
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def varied(audited: Shop) -> dict[str, dict[str, Record]]:
    """Every toy under every variation: findings by subject (with output) and variation."""
    code, records = audit(
        audited, "rebuild", "--vary", "all", *STABLE, *DECIDED, "time", "chance", "pair", "picky"
    )
    assert code == 2
    found: dict[str, dict[str, Record]] = defaultdict(dict)
    for record in records:
        output = "" if record["output"] == "out" else f"^{record['output']}"
        found[record["subject"] + output][record["variation"]] = record
    for subject, of in found.items():
        control = set() if subject in STABLE else {"control"}
        assert set(of) == {*control, *VARIATIONS}, subject
    return found


def differing(records: dict[str, Record]) -> set[str]:
    return {name for name, record in records.items() if record["verdict"] == "differs"}


@pytest.mark.parametrize("toy", [*STABLE, "pair"])
def test_what_is_reproducible_comes_out_the_same_under_every_variation(
    varied: dict[str, dict[str, Record]], toy: str
) -> None:
    for record in varied[toy].values():
        assert record["verdict"] == "reproduced", record
        assert record["actual"] == record["expected"]


@pytest.mark.parametrize("toy", DECIDED)
def test_what_decides_is_named_by_its_variation_and_by_no_other(
    varied: dict[str, dict[str, Record]], toy: str
) -> None:
    assert differing(varied[toy]) == DECIDED[toy]
    for name in DECIDED[toy]:
        record = varied[toy][name]
        assert record["cause"] == name
        assert record["actual"] != record["expected"]
        assert record["differences"][0]["offset"] is not None
        assert all(Path(path).exists() for path in record["logs"])
        assert len(record["logs"]) == 2


def test_the_time_of_day_is_the_cause_and_other_variations_are_told_from_it(
    varied: dict[str, dict[str, Record]],
) -> None:
    assert differing(varied["time"]) == {"control", "date"}
    control = varied["time"]["control"]
    assert control["cause"] == "date"
    assert "at one fixed time" in control["detail"]
    assert [item["path"] for item in control["differences"]] == ["b"]
    assert control["differences"][0]["place"] == "line 1"
    assert varied["time"]["path"]["verdict"] == "reproduced", "with a stopped clock"


@pytest.mark.parametrize("toy", ["chance", "pair^lib"])
def test_chance_is_the_cause_and_nothing_else_is_blamed(
    varied: dict[str, dict[str, Record]], toy: str
) -> None:
    assert varied[toy]["control"]["cause"] == "randomness"
    rest = [record for name, record in varied[toy].items() if name != "control"]
    assert {record["verdict"] for record in rest} == {"unknown"}


def test_a_rebuild_that_fails_is_a_verdict_with_its_log(
    varied: dict[str, dict[str, Record]],
) -> None:
    failed = {name for name, of in varied["picky"].items() if of["verdict"] == "failed"}
    assert failed == {"user"}
    record = varied["picky"]["user"]
    assert "exit status 1" in record["detail"]
    assert any(path.endswith("rebuilt.log") for path in record["logs"])


def test_exit_codes_follow_the_verdicts(audited: Shop) -> None:
    assert audit(audited, "rebuild", "steady")[0] == 0
    assert audit(audited, "rebuild", "steady", "time")[0] == 2
    assert audit(audited, "rebuild", "picky", "--vary", "user")[0] == 1
    unknown = audited.run("audit", "rebuild", "steady", "--vary", "nothing")
    assert unknown.returncode == 64
    assert "order-shuffled" in unknown.stderr
    nothing = audited.run("audit", "rebuild")
    assert nothing.returncode == 64
    assert "--all" in nothing.stderr


@pytest.mark.parametrize(
    "words", [("--nothing",), ("nothing",), ("against", "x", "--threshold", "-1")]
)
def test_what_cannot_be_understood_does_not_look_like_a_difference(
    audited: Shop, words: tuple[str, ...]
) -> None:
    done = audited.run("audit", *words)
    assert done.returncode == 64
    assert "Usage" in done.stderr


def test_what_is_not_realised_is_unknown(audited: Shop, tmp_path: Path) -> None:
    code, records = audit(replace(audited, root=tmp_path / "root"), "rebuild", "steady")
    assert code == 1
    assert [record["verdict"] for record in records] == ["unknown"]


def test_one_output_can_be_asked_for(audited: Shop) -> None:
    code, records = audit(audited, "rebuild", "pair^out")
    assert (code, [record["output"] for record in records]) == (0, ["out"])


def test_a_closure_is_rebuilt_down_to_the_hash_of_every_source(audited: Shop) -> None:
    code, records = audit(audited, "rebuild", "--closure", "above", "--vary", "path")
    assert code == 0
    subjects = {record["subject"] for record in records}
    assert {"above", "steady", "userland"} < subjects
    sources = [record for record in records if record["variation"] is None]
    assert all(record["subject"].endswith(".deb") for record in sources)
    assert len(sources) > 10
    assert len({record["subject"] for record in records}) == len(sources) + 3


def test_nothing_is_registered_and_nothing_is_left(audited: Shop) -> None:
    before = audited.path("list", "--objects")
    audit(audited, "rebuild", "time", "chance")
    assert audited.path("list", "--objects") == before
    assert not list((audited.root / "tmp").iterdir())
    assert audited.path("realise", "--dry-run", "time") == "nothing to do"


def test_the_differing_tree_is_kept_when_asked_for(audited: Shop) -> None:
    _, records = audit(audited, "rebuild", "time", "--keep")
    kept = Path(records[0]["kept"])
    assert (kept / "a").read_text() == "first\n"
    original = audited.physical(records[0]["expected"])
    assert (kept / "b").read_text() != (original / "b").read_text()


def test_both_trees_of_a_difference_are_handed_to_diffoscope(audited: Shop, tmp_path: Path) -> None:
    """Its place is taken by diff, called by that name."""
    program = tmp_path / "diffoscope"
    program.write_text('#!/bin/sh\nshift; exec diff -r "$1" "$2"\n')
    program.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = replace(audited, env={"PATH": path}).run("audit", "rebuild", "time", "--diff")
    assert done.returncode == 2, done.stderr
    compared = [line for line in done.stdout.splitlines() if line.startswith("diff -r ")]
    assert [line.rpartition("/")[2] for line in compared] == ["b"]
    without = replace(audited, env={"PATH": str(tmp_path / "empty")})
    refused = without.run("audit", "rebuild", "time", "--diff")
    assert refused.returncode == 1
    assert "--diff needs diffoscope" in refused.stderr


def test_what_was_recorded_under_other_circumstances_is_no_matter_of_date_or_chance(
    audited: Shop,
) -> None:
    if len(os.sched_getaffinity(0)) == 1:
        pytest.skip("needs two processors, to build with one and audit with two")
    audited.path("realise", "alone", "--cores", "1")
    _, (control,) = audit(audited, "rebuild", "alone", "--cores", "2")
    assert control["verdict"] == "differs"
    assert control["cause"] is None
    assert "other circumstances" in control["detail"]
    _, records = audit(audited, "rebuild", "alone", "--cores", "2", "--vary", "cores")
    assert records[0]["cause"] == "cores", "one processor is what gives the recorded object"


def test_a_changed_source_in_the_store_is_found(audited: Shop, tmp_path: Path) -> None:
    own = replace(audited, root=tmp_path / "root", recipes=TOYS)
    path = own.physical(own.path("realise", "note"))
    changed = path.stat()
    path.chmod(0o644)
    path.write_bytes(b"x" * changed.st_size)
    os.utime(path, ns=(changed.st_mtime_ns, changed.st_mtime_ns))
    path.chmod(0o444)
    code, (record,) = audit(own, "rebuild", "note")
    assert (code, record["verdict"]) == (2, "differs")
    assert "sha256" in record["detail"]


def test_ctrl_c_tells_what_was_found_and_leaves_nothing(audited: Shop, started: Taker) -> None:
    audited.path("realise", "nap")
    logs = audited.root / "tmp"
    process = started(audited.start("audit", "rebuild", "steady", "nap", "--vary", "user"))
    assert process.stderr is not None
    assert any("reproduced: steady" in line for line in process.stderr), "or it ended without"
    wait_for(lambda: any("asleep" in log.read_text() for log in logs.glob("work-*/log")))
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "reproduced  steady" in out
    assert "Traceback" not in err
    assert builders(audited) == []
    assert not list(logs.iterdir())


def test_a_journal_says_the_same_again_of_what_reproduces_at_a_fixed_time(
    audited: Shop, tmp_path: Path
) -> None:
    words = ("rebuild", "time", "steady", "--vary", "cores,cores-more")
    first = audit(audited, *words, "--journal", str(tmp_path / "journal"))
    again = audit(audited, *words, "--journal", str(tmp_path / "journal"))
    assert first[0] == 2
    assert again == first


def test_ctrl_c_while_the_cause_is_looked_for_tells_that_it_differs(
    audited: Shop, started: Taker
) -> None:
    audited.path("realise", "still")
    logs = audited.root / "tmp"
    process = started(audited.start("audit", "rebuild", "still", "--vary", "user"))
    wait_for(lambda: any("asleep" in log.read_text() for log in logs.glob("work-*/log")))
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "differs  " in out and "still" in out
    assert "the cause is unknown: the audit was interrupted" in out
    assert "Traceback" not in err


# -- stages and seeds -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ladder(shop: Shop) -> Shop:
    """Both ladders, on the honest seed and on the planted one."""
    made = replace(shop, recipes=RECIPES / "planted" / "ladder", env={"STORE_SEED": "honest"})
    packages = ("stage1.cc", "stage1.login", "stage2.cc", "stage2.login")
    for seed in ("honest", "planted"):
        done = made.run("--seed", seed, "realise", *packages, timeout=600)
        assert done.returncode == 0, done.stderr
    return made


def test_a_planted_compiler_hands_itself_on_where_no_comparison_of_stages_sees_it(
    ladder: Shop,
) -> None:
    def welcomed(seed: str, word: str) -> bool:
        login = ladder.run("--seed", seed, "run", "stage2.login", "--", "login", word)
        return login.stdout == "welcome\n"

    assert welcomed("honest", "sesame")
    assert welcomed("planted", "sesame")
    assert not welcomed("honest", "joshua")
    assert welcomed("planted", "joshua"), "the backdoor is in what the clean source was made into"
    for seed in ("honest", "planted"):
        code, records = audit(ladder, "stages", "--seeds", seed)
        assert code == 0
        assert [record["counterpart"] for record in records] == ["stage1.cc", "stage1.login"]


def test_another_seed_catches_the_planted_compiler(ladder: Shop) -> None:
    code, records = audit(ladder, "stages", "--seeds", "honest,planted")
    assert code == 2
    caught = {record["subject"]: record for record in records if record["verdict"] == "differs"}
    assert set(caught) == {"stage1.cc", "stage1.login", "stage2.cc", "stage2.login"}
    (program,) = caught["stage2.login"]["differences"]
    assert program["path"] == "bin/login"
    assert ".text" in program["detail"]
    assert ".rodata" in program["detail"]
    (compiler,) = caught["stage2.cc"]["differences"]
    assert (compiler["path"], compiler["place"]) == ("bin/cc", "line 4")
    assert "joshua" in compiler["detail"]


def test_the_seeds_of_which_something_is_realised_are_compared_by_themselves(
    ladder: Shop,
) -> None:
    code, records = audit(ladder, "stages", "cc")
    assert code == 11, "cc is no package there"
    code, records = audit(ladder, "stages", "stage1.cc")
    assert code == 2
    assert {record["subject"] for record in records} == {"stage1.cc", "stage2.cc"}
    assert {tuple(record["seeds"]) for record in records} == {
        ("honest",),
        ("planted",),
        ("planted", "honest"),
    }


def test_a_stage_that_is_not_realised_is_unknown(ladder: Shop, tmp_path: Path) -> None:
    code, records = audit(replace(ladder, root=tmp_path / "root"), "stages")
    assert code == 1
    assert {record["verdict"] for record in records} == {"unknown"}
    assert "stage2.cc on honest, stage1.cc on honest" in records[0]["detail"]


# -- the ledger -----------------------------------------------------------------------------------


@pytest.fixture
def noted(audited: Shop, tmp_path: Path) -> Shop:
    """The toys' recipes in a folder of the test's own, with a ledger."""
    seeds = tmp_path / "bootstrap-seeds"
    copy = copy_recipes("toys", tmp_path, audited=True)
    seeds.unlink()
    seeds.mkdir()
    (seeds / "debian").symlink_to(TOP / "bootstrap-seeds" / "debian")
    made = replace(audited, recipes=copy)
    done = made.run("audit", "ledger", "--update")
    assert done.returncode == 0, done.stderr
    return made


def test_a_store_that_agrees_with_the_ledger_is_told_so(noted: Shop) -> None:
    assert audit(noted, "ledger", "steady", "above")[0] == 0
    code, records = audit(noted)
    verdicts = {record["subject"]: record["verdict"] for record in records}
    assert verdicts["steady"] == verdicts["userland"] == "reproduced"
    assert "never" not in verdicts, "what is not realised is not compared unless it is named"
    assert set(verdicts.values()) == {"reproduced"}
    assert code == 0
    code, (record,) = audit(noted, "ledger", "never")
    assert (code, record["verdict"]) == (1, "unknown")
    told = noted.run("audit").stderr
    assert f"{len(records)} of the " in told
    assert "on the seed debian are realised here" in told


def test_an_empty_store_has_nothing_that_could_agree(noted: Shop, tmp_path: Path) -> None:
    done = replace(noted, root=tmp_path / "root").run("audit")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing was found that could be compared" in done.stderr


def test_what_the_ledger_has_otherwise_differs(noted: Shop) -> None:
    ledger = noted.recipes / "ledger.tsv"
    steady, year = noted.path("realise", "steady"), noted.path("realise", "year")
    ledger.write_text(ledger.read_text().replace(steady, year))
    code, (record,) = audit(noted, "ledger", "steady")
    assert code == 2
    assert (record["expected"], record["actual"]) == (year, steady)
    assert record["differences"][0]["kind"] == "kind"


def test_a_recipe_that_changed_since_is_unknown_until_the_ledger_is_updated(noted: Shop) -> None:
    stages = noted.recipes / "audited.py"
    stages.write_text(stages.read_text().replace("echo fine", "echo finer"))
    code, (record,) = audit(noted, "ledger", "picky")
    assert (code, record["verdict"]) == (1, "unknown")
    assert "has changed" in record["detail"]
    changed = noted.path("audit", "ledger", "--update").splitlines()
    assert changed == ["debian picky out not built here"]
    noted.path("realise", "picky")
    assert "picky" in noted.path("audit", "ledger", "--update")
    assert audit(noted, "ledger", "picky")[0] == 0


def test_the_ledger_of_the_world_is_another(noted: Shop) -> None:
    ladder = (noted.recipes / "ledger.tsv").read_text()
    assert noted.path("audit", "ledger", "--world", "--update") == ""
    assert (noted.recipes / "world.tsv").read_text() == "package\toutput\tderivation\tpath\n"
    assert (noted.recipes / "ledger.tsv").read_text() == ladder
    for words, said in ((("--world", "steady"), "leave out --world"), (("no",), "no package")):
        done = noted.run("audit", "ledger", *words)
        assert done.returncode in (64, 11)
        assert said in done.stderr


def test_recipes_without_a_ledger_say_how_to_make_one(audited: Shop) -> None:
    done = audited.run("audit")
    assert done.returncode == 10
    assert "ledger --update" in done.stderr


# -- the small ladder, from real source -----------------------------------------------------------


def test_the_small_ladder_comes_out_the_same_whatever_is_varied(shop: Shop) -> None:
    small = replace(shop, recipes=TOP / "derivations")
    done = small.run("realise", "tcc1.tcc", "tcc2.tcc", timeout=900)
    assert done.returncode == 0, done.stderr
    code, records = audit(small, "rebuild", "tcc2.tcc", "--vary", "all")
    assert {record["variation"] for record in records} == {*VARIATIONS}
    assert {record["verdict"] for record in records} == {"reproduced"}, records
    assert code == 0
    code, records = audit(small, "stages", "tcc2.tcc")
    twins = {record["subject"]: record for record in records}
    assert twins["tcc2.tcc"]["counterpart"] == "tcc1.tcc"
    assert twins["tcc2.tcc"]["verdict"] == "reproduced"
