"""A catalogue is evaluated once, and again when anything that it came from was touched."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from store.errors import EvaluationError
from store.model.catalogue import Catalogue
from store.model.derivation import Derivation
from store.recipes import catalogues, evaluate, reads
from store.recipes.answer import Answer
from tests.fuzz.within import within
from tests.unit.layout.test_opening import AS_ROOT, NEIGHBOUR

fresh = itertools.count()

RECIPES = """
from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation, Source

def catalogue(seeds, seed):
    source = Source("src", "0" * 64, ("a:b",))
    node = Derivation("hello", "x86_64-linux", "/bin/sh", ("-c", seeds[seed]["say"]),
        inputs=(source.ref(),))
    package = Package("hello", node.digest, "1.0", "says hello", "MIT")
    return Catalogue({"hello": package}, collect([source, node]), seconds={node.digest: 40})
"""


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    """A folder of recipes with a package name that no other test imported."""
    folder = tmp_path / f"kept{next(fresh)}"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "stages.py").write_text(RECIPES)
    seed = tmp_path / "bootstrap-seeds" / "debian"
    seed.mkdir(parents=True)
    (seed / "seed.json").write_text(json.dumps({"say": "hi"}))
    return folder


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every evaluation leaves the recipes' folder here."""
    done: list[str] = []
    real = evaluate.evaluation

    def counted(recipes: str, *args: Any) -> Answer:
        done.append(recipes)
        return real(recipes, *args)

    monkeypatch.setattr(evaluate, "evaluation", counted)
    return done


def load(recipes: Path) -> Catalogue:
    time.sleep(reads.TICK / 1e9)  # what the test changed just now has settled
    return catalogues.load(str(recipes.parent / "cache"), str(recipes), "debian")


def test_a_kept_catalogue_is_used_and_is_the_same(recipes: Path, evaluations: list[str]) -> None:
    first, second = load(recipes), load(recipes)
    assert len(evaluations) == 1
    assert second.packages == first.packages
    assert dict(second.nodes) == dict(first.nodes)
    assert second.seconds == first.seconds == {first.package("hello").node: 40}
    node = second.nodes[second.package("hello").node]
    assert isinstance(node, Derivation)
    assert node.args == ("-c", "hi")
    assert list(second.build_closure([node.digest])) == [node.refs[0].node, node.digest]


@pytest.mark.slow
@pytest.mark.parametrize("touched", ["stages.py", "new.py", "../bootstrap-seeds/debian/seed.json"])
def test_a_touched_file_means_another_evaluation(
    recipes: Path, evaluations: list[str], touched: str
) -> None:
    load(recipes)
    with (recipes / touched).open("a") as stream:
        stream.write("\n")
    load(recipes)
    load(recipes)
    assert len(evaluations) == 2


@pytest.mark.slow
def test_a_file_that_went_away_means_another_evaluation(
    recipes: Path, evaluations: list[str]
) -> None:
    (recipes / "more.py").touch()
    load(recipes)
    (recipes / "more.py").unlink()
    load(recipes)
    assert len(evaluations) == 2


@pytest.mark.parametrize("name", [".git", "__pycache__"])
def test_what_is_no_recipes_does_not_matter(
    recipes: Path, evaluations: list[str], name: str
) -> None:
    (recipes / name).mkdir()
    load(recipes)
    (recipes / name / "noted").touch()
    load(recipes)
    assert len(evaluations) == 1


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["empty", "garbage", "cut", "folder"])
def test_a_damaged_file_is_ignored(recipes: Path, evaluations: list[str], damage: str) -> None:
    expected = load(recipes)
    cache = recipes.parent / "cache"
    if damage == "folder":
        cache.unlink()
        cache.mkdir()
    else:
        whole = cache.read_bytes()
        cache.write_bytes({"empty": b"", "garbage": b"\xc1x", "cut": whole[:-9]}[damage])
    found = load(recipes)
    assert len(evaluations) == 2
    assert found.packages == expected.packages


def test_a_place_that_cannot_be_written_to_is_no_error(
    recipes: Path, evaluations: list[str]
) -> None:
    for _ in range(2):
        catalogues.load(f"{recipes}/nowhere/cache", str(recipes), "debian")
    assert len(evaluations) == 2
    assert not os.path.exists(f"{recipes}/nowhere")


def test_the_seed_is_part_of_the_fingerprint(recipes: Path) -> None:
    of = catalogues.fingerprint
    assert of(str(recipes), "debian") == of(str(recipes), "debian")
    assert of(str(recipes), "debian") != of(str(recipes), "other")


def test_a_folder_that_holds_no_recipes_is_not_walked(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "again").symlink_to(".")
    with pytest.raises(EvaluationError, match=r"holds no stages\.py"):
        catalogues.load(str(tmp_path / "cache"), str(tmp_path), "debian")


def test_recipes_that_cannot_be_read_are_told(
    recipes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.stat

    def denied(path: str, **options: Any) -> os.stat_result:
        if path == f"{recipes}/stages.py":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path, **options)

    monkeypatch.setattr(os, "stat", denied)
    with pytest.raises(EvaluationError, match="cannot be read: Permission denied"):
        catalogues.load(str(tmp_path / "cache"), str(recipes), "debian")


# -- what evaluation reads is watched -------------------------------------------------------------

READING = """
import os
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent

def look():
    found = [(HERE / "fix.patch").read_text()]
    found += sorted(path.name for path in (HERE / "patches").iterdir())
    found += [str((HERE / "optional").exists()), str(os.path.islink(HERE / "link"))]
    found += [entry.name for entry in os.scandir(HERE / "scanned") if entry.is_file()]
    found += [os.readlink(HERE / "link"), str((HERE / "big").stat().st_size)]
    found += [str(os.path.exists(f"{HERE}/way/../fix.patch"))]
    found += [str(os.path.exists(f"{HERE}/turn/../beside"))]
    return " ".join(found)
"""

CHANGES: dict[str, Callable[[Path], object]] = {
    "a patch that was read": lambda top: (top / "fix.patch").write_text("other"),
    "a patch of the same size": lambda top: (top / "fix.patch").write_text("ONE"),
    "a patch that is another file": lambda top: _replace(top / "fix.patch", "one"),
    "a patch that is gone": lambda top: (top / "fix.patch").unlink(),
    "a folder that was listed": lambda top: (top / "patches" / "b").touch(),
    "a listed file that is gone": lambda top: (top / "patches" / "a").unlink(),
    "a listed file of another name": lambda top: (top / "patches" / "a").rename(top / "patches/c"),
    "what was not there": lambda top: (top / "optional").touch(),
    "a folder where nothing was": lambda top: (top / "optional").mkdir(),
    "a link that leads elsewhere": lambda top: _relink(top / "link", "big"),
    "a link that is a file now": lambda top: _replace(top / "link", ""),
    "a scanned folder's file": lambda top: (top / "scanned" / "x").touch(),
    "a scanned file that is a folder now": lambda top: _refolder(top / "scanned" / "y"),
    "a file that was only looked at": lambda top: (top / "big").write_text("longer"),
    "a module that would be found first": lambda top: _package(top / "reading"),
    "the recipes' own package": lambda top: (top / "__init__.py").write_text("x = 1"),
    "a new seed": lambda top: (top.parent / "bootstrap-seeds" / "other").mkdir(),
    "a folder on the way back": lambda top: (top / "way").mkdir(),
    "what is beside where a link leads": lambda top: (top / "scanned" / "beside").touch(),
    "a file that lost its modes": lambda top: (top / "fix.patch").chmod(0o600),
}


def _replace(path: Path, text: str) -> None:
    path.with_name("fresh").write_text(text)
    path.with_name("fresh").rename(path)


def _relink(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def _refolder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _package(path: Path) -> None:
    path.mkdir()
    (path / "__init__.py").write_text(READING + "\n")


@pytest.fixture
def reading(recipes: Path) -> Path:
    """Recipes that read files that are no modules, and look for some that are not there."""
    (recipes / "reading.py").write_text(READING)
    text = RECIPES.replace('seeds[seed]["say"]', "look()")
    (recipes / "stages.py").write_text("from .reading import look\n" + text)
    for folder in ("patches", "scanned"):
        (recipes / folder).mkdir()
    for name, text in {"fix.patch": "one", "patches/a": "", "scanned/y": "", "big": "big"}.items():
        (recipes / name).write_text(text)
    (recipes / "scanned" / "deep").mkdir()
    (recipes / "turn").symlink_to("scanned/deep")
    (recipes / "link").symlink_to("fix.patch")
    (recipes / "seen").touch()
    return recipes


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_what_was_read_or_looked_for_is_watched(
    reading: Path, evaluations: list[str], change: str
) -> None:
    load(reading)
    load(reading)
    assert len(evaluations) == 1
    CHANGES[change](reading)
    with contextlib.suppress(EvaluationError):
        load(reading)
    assert len(evaluations) == 2


def test_what_was_not_read_is_not_watched(reading: Path, evaluations: list[str]) -> None:
    load(reading)
    (reading.parent / "notes.txt").write_text("unread")
    (reading.parent / "beside.py").write_text("unread")
    (reading / "__pycache__").mkdir()
    load(reading)
    assert len(evaluations) == 1


def test_odd_names_and_links_do_not_end_the_fingerprint(recipes: Path) -> None:
    (recipes / "a-dangling").symlink_to("nowhere")
    (recipes / "b-loop").symlink_to("b-loop")
    (recipes / "c-above").symlink_to("..")
    (recipes / "d-here").symlink_to(".")
    os.mkfifo(recipes / "e.py")
    (recipes / os.fsdecode(b"f-\xff.py")).touch()
    (recipes / "g-closed").mkdir(mode=0)
    (recipes / "h\n.json").touch()
    deep = recipes / "i"
    deep.mkdir()
    (recipes / "z").mkdir()
    (recipes / "z" / "last.py").touch()
    before = catalogues.fingerprint(str(recipes), "debian")
    assert before == catalogues.fingerprint(str(recipes), "debian")
    (recipes / "z" / "last.py").write_text("x")
    assert before != catalogues.fingerprint(str(recipes), "debian")
    assert load(recipes).package("hello")


@pytest.mark.slow
def test_recipes_that_change_meanwhile_are_not_kept(
    recipes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = evaluate.evaluation
    count = itertools.count()

    def changing(*args: Any) -> Answer:
        found = real(*args)
        (recipes / "more.py").write_text(str(next(count)))
        return found

    monkeypatch.setattr(evaluate, "evaluation", changing)
    load(recipes)
    assert next(count) == catalogues.TRIES
    assert not (recipes.parent / "cache").exists()


@pytest.mark.slow
def test_a_file_that_changes_while_it_is_read_is_not_kept(
    reading: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = evaluate.evaluation

    def changing(*args: Any) -> Answer:
        found = real(*args)
        (reading / "fix.patch").write_text("new")
        return found

    monkeypatch.setattr(evaluate, "evaluation", changing)
    load(reading)
    monkeypatch.undo()
    catalogue = load(reading)
    node = catalogue.nodes[catalogue.package("hello").node]
    assert isinstance(node, Derivation)
    assert node.args[1].startswith("new ")


def test_what_changed_just_before_it_was_read_is_not_settled() -> None:
    now = 10**18
    end = now + 10**9
    assert reads.is_young((0, 1, now - 1000, 5, 7), now, end)
    assert reads.is_young((0, 1, 5, end + 1000, 7), now, end)
    assert reads.is_young((0, 1, 5, now + 1000, 7), now, end)
    assert not reads.is_young((0, 1, now - reads.TICK, now + 10**12, 7), now, end)


UNRECORDED = """
def look():
    import os
    cells = [cell.cell_contents for cell in os.lstat.__closure__]
    purity = next(value for value in cells if hasattr(value, "reads"))
    purity._busy = True
    with open(os.path.dirname(__file__) + "/HIDDEN") as stream:
        return stream.read()
"""


@pytest.mark.slow
@pytest.mark.parametrize("hidden", ["fix.patch", "../bootstrap-seeds/far/pin"])
def test_a_read_that_hides_from_the_record_is_watched(
    reading: Path, evaluations: list[str], hidden: str
) -> None:
    far = reading.parent / "elsewhere" / "far"
    far.mkdir(parents=True)
    (far / "pin").write_text("far")
    (reading.parent / "bootstrap-seeds" / "far").symlink_to(far)
    (reading / "reading.py").write_text(UNRECORDED.replace("HIDDEN", hidden))
    load(reading)
    (reading / hidden).write_text("another")
    load(reading)
    assert len(evaluations) == 2


def test_the_recipes_of_the_engine_are_watched_from_elsewhere(
    recipes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit = recipes.parent / "kit"
    kit.mkdir()
    monkeypatch.setattr(catalogues, "KIT", str(kit))
    before = catalogues.fingerprint(str(recipes), "debian")
    (kit / "data.json").touch()
    assert catalogues.fingerprint(str(recipes), "debian") != before


def test_a_kept_catalogue_that_is_no_file_is_not_waited_for(
    recipes: Path, evaluations: list[str]
) -> None:
    os.mkfifo(recipes.parent / "cache")
    load(recipes)
    load(recipes)
    assert len(evaluations) == 1, "it was replaced"


@pytest.mark.slow
@AS_ROOT
@pytest.mark.parametrize("of", ["file", "folder"])
def test_a_catalogue_that_another_user_keeps_is_not_believed_and_gets_no_file(
    recipes: Path, evaluations: list[str], of: str
) -> None:
    load(recipes)
    place = recipes.parent / "cache"
    os.chown(place if of == "file" else recipes.parent, NEIGHBOUR, NEIGHBOUR)
    load(recipes)
    assert len(evaluations) == 2
    if of == "folder":
        place.unlink()
        load(recipes)
        assert len(evaluations) == 3
        assert not place.exists()


@pytest.mark.slow
def test_a_catalogue_that_others_can_write_to_is_not_believed(
    recipes: Path, evaluations: list[str]
) -> None:
    load(recipes)
    (recipes.parent / "cache").chmod(0o666)
    load(recipes)
    assert len(evaluations) == 2


@pytest.mark.slow
def test_a_kept_catalogue_without_end_is_not_read(recipes: Path, evaluations: list[str]) -> None:
    with open(recipes.parent / "cache", "wb") as stream:
        stream.truncate(1 << 40)
    within(lambda: load(recipes), memory=200 << 20)
    load(recipes)
    assert not evaluations, "the child replaced it"
