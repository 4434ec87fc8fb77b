"""Folders of tests in memory: where they may be, and when they are removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import memory

TEST = """
def test_it(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "closed").mkdir(mode=0o500)
    print("its folder is", tmp_path)
    assert {holds}
"""

CONFTEST = f"""
import sys
sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})
from pathlib import Path
from types import SimpleNamespace
from typing import Any
import pytest
from tests import memory

memory.MEMORY = Path(__file__).parent / "memory"
memory.ENOUGH = 0

def pytest_configure(config):
    memory.prepare(config)

@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    memory.share(node.config, node.workerinput)

def pytest_sessionfinish(session):
    memory.clear(session.config, session.testsfailed)

@pytest.fixture(scope="session")
def tmp_path_factory(pytestconfig, tmp_path_factory):
    return memory.factory_of(pytestconfig, tmp_path_factory)
"""


def run(place: Path, *options: str, holds: bool = True) -> str:
    """Run a test with a folder; its output. The folder ``memory`` here stands for memory."""
    (place / "conftest.py").write_text(CONFTEST)
    (place / "test_it.py").write_text(TEST.format(holds=holds))
    (place / "memory").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", *options]
    done = subprocess.run(
        [*command, "-c", "/dev/null", "--rootdir", "."],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (0 if holds else 1), done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_folders_in_memory_go_unless_a_test_fails(tmp_path: Path) -> None:
    place = tmp_path / "memory"
    said = run(tmp_path, "--numprocesses", "1", holds=False)
    assert f"its folder is {place}/{memory.NAME}" in said
    [left] = place.glob(f"{memory.NAME}*/gw0/test_it0/file")
    assert f"its folder is {place}/{memory.NAME}" in run(tmp_path)
    assert not left.exists(), "the next run removes it"
    assert os.listdir(place) == [], "and its own"


@pytest.mark.slow
def test_a_place_that_is_asked_for_is_used(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    assert f"its folder is {asked}/" in run(tmp_path, f"--basetemp={asked}")


def test_a_small_or_missing_memory_is_not_used(tmp_path: Path) -> None:
    assert not memory.fits(tmp_path / "missing", 0)
    assert memory.fits(tmp_path, 0)
    assert not memory.fits(tmp_path, 1 << 62)


def test_tests_that_need_much_use_the_disk_where_memory_is_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MEMORY", tmp_path)
    config: Any = SimpleNamespace(stash=pytest.Stash())
    usual: Any = object()
    config.stash[memory._FACTORY] = in_memory = object()
    found: Any = memory.factory_of(config, usual)
    assert found is in_memory
    assert memory.factory_of(config, usual, 1 << 62) is usual
    assert memory.on_disk(config) is usual


def test_folders_of_runs_that_go_on_stay(tmp_path: Path) -> None:
    own, ended = (tmp_path / f"{memory.NAME}{name}" for name in ("own", "ended"))
    for folder in (own, ended):
        (folder / "below").mkdir(parents=True)
    descriptor = memory.lock(own)
    memory.remove_old(tmp_path)
    os.close(descriptor)
    assert own.exists()
    assert not ended.exists()


def test_a_process_that_a_test_forked_removes_nothing(tmp_path: Path) -> None:
    config: Any = SimpleNamespace(stash=pytest.Stash())
    config.stash[memory._FOLDER] = folder = tmp_path / "folder"
    folder.mkdir()
    for owner, there in ((os.getpid() + 1, True), (os.getpid(), False)):
        config.stash[memory._OWNER] = owner
        memory.clear(config, 0)
        assert folder.exists() is there
