"""The rebuild inside: its supplies, its verdicts, and what it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from scripts.rebuild_inside import Verdict, put_scripts, rebuild, report
from scripts.supplies import base_set, rebuilt, supplies, twin_of
from store.errors import UnknownPackage, UsageError
from store.model.catalogue import Catalogue

PATHS = {"musl": f"/store/{'1' * 32}-musl-1.2.5", "make": f"/store/{'2' * 32}-make-4.4.1"}
WHOLE = "16 of 16 objects looked at: 0 findings, 0 notes"


@pytest.fixture(scope="module")
def catalogue(evaluated: Callable[[str, str], Catalogue]) -> Catalogue:
    return evaluated("derivations", "debian")


def test_the_base_set_is_all_of_stage_1(catalogue: Catalogue) -> None:
    names = base_set(catalogue)
    assert len(names) == 18
    assert "gcc" in names
    assert {twin_of(catalogue, name) for name in names} == {f"stage1.{name}" for name in names}


def test_supplies_hold_neither_a_seed_nor_a_part_of_stage_2(catalogue: Catalogue) -> None:
    wanted = supplies(catalogue, base_set(catalogue))
    stage1 = {catalogue.ref(f"stage1.{name}") for name in base_set(catalogue)}
    assert set(wanted.made) <= stage1
    files = sorted(ref.name for ref in wanted.sources)
    assert len(files) >= 18
    assert not [name for name in files if name.endswith((".deb", ".whl"))]
    assert wanted.builds >= 2 * 18


def test_a_package_needs_the_supplies_of_its_own_alone(catalogue: Catalogue) -> None:
    wanted = supplies(catalogue, ["make"])
    assert [ref.name for ref in wanted.sources] == ["make-dfsg_4.4.1.orig.tar.xz"]


def test_a_package_of_the_world_begins_with_stage_2(catalogue: Catalogue) -> None:
    wanted = supplies(catalogue, ["flex"])
    stage2 = {catalogue.ref(f"stage2.{name}") for name in base_set(catalogue)}
    assert set(wanted.made) <= stage2
    assert catalogue.ref("stage2.gcc") in wanted.made
    assert any(ref.name.startswith("flex_") for ref in wanted.sources)
    assert (rebuilt(catalogue, "flex"), twin_of(catalogue, "flex")) == ("flex", "flex")


@pytest.mark.parametrize(
    "name", ["nosuch", "stage1.make", "seed.debian", "source.flex", "chain.musl"]
)
def test_nothing_below_the_world_is_built_inside_but_the_base_set(
    catalogue: Catalogue, name: str
) -> None:
    with pytest.raises(UnknownPackage, match=name):
        supplies(catalogue, [name])


def test_the_base_set_and_what_is_above_it_are_built_one_at_a_time(catalogue: Catalogue) -> None:
    with pytest.raises(UsageError, match="in one go"):
        supplies(catalogue, ["make", "flex"])


def test_nothing_is_fetched_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_SEED", "tcc")  # the seed outside is the seed inside
    put_scripts(tmp_path, ["stage2.musl", "stage2.make"], 2)
    build = (tmp_path / "build").read_text()
    assert "--offline --no-cache --seed tcc --cores 2 stage2.musl stage2.make" in build
    assert "store --root /var/lib/rebuilt verify" in (tmp_path / "verify").read_text()


def run(*built: str, whole: str = WHOLE) -> list[Verdict]:
    def lines(name: str) -> Iterator[str]:
        yield from (whole,) if name == "verify" else built

    return rebuild(lines, PATHS)


def test_a_package_is_equal_only_where_it_was_built(capsys: pytest.CaptureFixture[str]) -> None:
    verdicts = run(
        f"[1/2] built musl-1.2.5 in 1m08s  {PATHS['musl']}",
        f"[2/2] built make-4.4.1 in 18s  {PATHS['make']}",
    )
    assert [each.equal for each in verdicts] == [True, True]
    report(verdicts, 0.0)
    assert "2 of 2 built inside, equal to those outside" in capsys.readouterr().out
    other = run(f"[1/2] built musl-1.2.5 in 1m08s  {PATHS['make']}", PATHS["make"])
    assert [each.equal for each in other] == [False, False]
    with pytest.raises(click.ClickException):
        report(other, 0.0)
    assert "not equal: not built" in capsys.readouterr().out


def test_a_store_that_is_not_whole_is_an_error() -> None:
    with pytest.raises(click.ClickException, match="not whole"):
        run(whole="16 of 16 objects looked at: 1 finding, 0 notes")
