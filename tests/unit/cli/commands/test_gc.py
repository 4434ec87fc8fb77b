"""``store gc`` as it is used: it says all that it does, and does it."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import pytest

from store.cli import dry_run
from store.gc.collector import Collector
from store.gc.plan import CollectionPlan, make_plan
from store.gc.policy import Policy
from store.local.store import Store
from tests.unit.cli.conftest import Line


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["--max-freed", "20K"],
        ["--max-freed", "0"],
        ["--max-freed", "1", "--keep-free", "1000P"],
        ["--keep-free", "1"],
        ["--older-than", "1h"],
        ["--older-than", "1h", "--max-freed", "1", "--keep-derivations"],
        ["--keep-derivations"],
        [],
    ],
)
def test_what_a_dry_run_shows_is_what_goes(line: Line, tmp_path: Path, words: list[str]) -> None:
    for number in range(9):
        line.add(tmp_path / f"n{number}", str(number))
    line.run("root", "add", "mine", line.add(tmp_path / "kept", "kept"))
    line.run("add", str(tmp_path / "n0"), "--out-link", str(tmp_path / "gone"))
    (tmp_path / "gone").unlink()
    told = [json.loads(each) for each in line.run("gc", "-n", "--json", *words).stdout.splitlines()]
    text = line.run("gc", "-n", *words).stdout.splitlines()
    done = [json.loads(each) for each in line.run("gc", "--json", *words).stdout.splitlines()]
    shown = [record["path"] for record in told[:-1]]
    assert sorted(shown) == sorted(record["deleted"] for record in done[:-1])
    assert shown == [each.split()[2] for each in text if " /store/" in each]
    for each in ("spared", "dead_roots"):
        assert told[-1]["summary"][each] == done[-1]["summary"][each]
    assert told[-1]["summary"]["frees"] == done[-1]["summary"]["freed"]
    assert told[-1]["summary"]["objects"] == done[-1]["summary"]["objects"] == len(shown)
    assert len(line.held()) == 10 - len(shown)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--keep-free", "1"], "the bound is reached, with 1 dead object"),
        (["--max-freed", "0"], "the bound is reached, with 1 dead object"),
        (["--older-than", "1h"], "1 dead object spared as used lately"),
    ],
)
def test_that_nothing_is_dead_is_said_only_when_it_is_so(
    line: Line, tmp_path: Path, words: list[str], said: str
) -> None:
    line.add(tmp_path / "dead", "dead")
    assert said in line.run("gc", *words).stderr
    assert "deleted 1 object, freed" in line.run("gc").stderr
    assert "nothing is dead" in line.run("gc", *words).stderr


def test_by_hand_is_spared_what_is_spared_unasked(line: Line, tmp_path: Path) -> None:
    line.add(tmp_path / "dead", "dead")
    (line.root / "config.toml").write_text('[collect]\nmin-free = "1K"\nolder-than = "1h"\n')
    assert "1 dead object spared" in line.run("gc").stderr
    assert '"spared": 1' in line.run("gc", "--dry-run", "--json").stdout
    (line.root / "config.toml").write_text("[collect]\nolder-then = 1\n")
    assert line.run("gc", code=2).stderr.startswith("store: ")
    assert "deleted 1 object" in line.run("gc", "--ignore-config").stderr


def test_objects_that_go_while_a_dry_run_looks_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store.open(str(tmp_path / "root"))
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
        store.objects.add(str(tmp_path / name), name)

    def outrun(
        store: Store,
        policy: Policy,
        *,
        leaving: Collection[str],
        leaving_links: Collection[str],
    ) -> CollectionPlan:
        plan = make_plan(store, policy, leaving=leaving, leaving_links=leaving_links)
        Collector(store).collect(Policy(max_freed=1))
        return plan

    monkeypatch.setattr(dry_run, "make_plan", outrun)
    dry_run.show_plan(store, Policy(), as_json=True)
    *objects, last = capsys.readouterr().out.splitlines()
    assert len(objects) == 1
    assert json.loads(last)["summary"]["objects"] == 1
    store.close()


@pytest.mark.slow
def test_what_interrupted_processes_left_is_told_before_it_goes(line: Line, tmp_path: Path) -> None:
    path = line.add(tmp_path / "kept", "kept", "--out-link", str(tmp_path / "link"))
    stray = line.root / "store" / f"{'0' * 32}-stray"
    stray.mkdir()
    (stray / "file").write_text("x" * 5000)
    trash = line.root / "trash" / "gc-killed" / "objects"
    trash.mkdir(parents=True)
    (trash / f"{'1' * 32}-half").write_text("y" * 9000)
    folders = sum(path.stat().st_blocks for path in (trash, trash.parent)) * 512
    told = json.loads(line.run("gc", "-n", "--json").stdout)["summary"]
    assert (told["objects"], told["strays"]) == (0, 1)
    assert "with 1 object that the index does not know" in line.run("gc", "-n").stdout
    done = json.loads(line.run("gc", "--json").stdout.splitlines()[-1])["summary"]
    # The folders of the run that was killed were not what it freed.
    assert told["leftovers"] - folders <= done["freed"] <= told["leftovers"]
    assert line.held() == ["kept"]
    assert not list((line.root / "trash").iterdir())
    told = json.loads(line.run("gc", "-n", "--json").stdout)["summary"]
    assert (told["strays"], told["leftovers"]) == (0, 0)
    assert "interrupted" not in line.run("gc", "-n").stdout
    assert path in line.run("root", "list").stdout


@pytest.mark.slow
def test_options_before_a_subcommand_are_not_passed_over(line: Line, tmp_path: Path) -> None:
    path = line.add(tmp_path / "dead", "dead")
    for words in (["--dry-run"], ["--json"], ["--max-freed", "1"], ["--keep-derivations"]):
        assert "after its name" in line.run("gc", *words, "why-alive", path, code=2).stderr
    assert json.loads(line.run("gc", "why-alive", "--json", path, code=1).stdout) == {
        "path": path,
        "alive": False,
    }
    assert "nothing keeps" in line.run("gc", "why-alive", path, code=1).stderr


@pytest.mark.slow
def test_names_of_links_cannot_steer_a_terminal(line: Line, tmp_path: Path) -> None:
    link = tmp_path / "a\x1b[31mred\nline\udcff"
    path = line.add(tmp_path / "kept", "kept", "--out-link", str(link))
    shown = r"a\x1b[31mred\nline\xff"
    for words, code in (
        (["root", "list"], 0),
        (["du"], 0),
        (["gc", "why-alive", path], 0),
        (["delete", path], 58),
    ):
        done = line.run(*words, code=code)
        assert shown in done.stdout + done.stderr
        assert "\x1b" not in done.stdout + done.stderr
    (record,) = line.run("root", "list", "--json").stdout.splitlines()
    assert json.loads(record)["link"] == str(link)
    holder, item, _ = map(json.loads, line.run("du", "--json").stdout.splitlines())
    assert holder["holder"]["name"] == str(link)
    assert item["object"]["kept_by"] == f"link {link}"
    link.unlink()
    assert shown in line.run("gc", "--dry-run").stdout
    assert shown in line.run("gc").stderr
