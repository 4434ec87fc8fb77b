"""The launcher: a file for this host's Python, written where it is needed and only then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from store.layout.paths import Layout
from store.local.store import Store
from store.profiles import launch, launcher
from store.profiles.generation_tree import LAUNCHER_LINK
from store.profiles.launch import LINK
from store.profiles.launcher import launcher_text, programs_folders, put_launcher


def test_both_sides_mean_the_same_link() -> None:
    assert LINK == LAUNCHER_LINK


def test_the_launcher_is_written_once_and_mended(store: Store) -> None:
    path = Path(store.layout.launcher)
    put_launcher(store.layout)
    assert path.stat().st_mode & 0o777 == 0o755
    first = path.stat().st_ino
    put_launcher(store.layout)
    assert path.stat().st_ino == first
    path.write_text("older")
    put_launcher(store.layout)
    path.chmod(0o644)
    put_launcher(store.layout)
    assert path.read_bytes() == launcher_text(os.path.realpath(sys.executable))
    assert path.stat().st_mode & 0o777 == 0o755
    assert os.listdir(store.layout.tmp) == []


def test_where_the_store_is_the_real_one_programs_start_by_themselves(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert programs_folders("/p", store.layout) == ["/p/launchers"]
    monkeypatch.setattr(launcher, "STORE_DIR", store.layout.objects)
    assert programs_folders("/p", store.layout) == ["/p/bin", "/p/sbin"]
    put_launcher(store.layout)
    assert not os.path.lexists(store.layout.launcher)


def test_a_program_that_loads_no_library_calls_by_its_own_module(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> int:
        raise OSError("Dynamic loading not supported")

    own = ModuleType("_fixpoint_calls")
    monkeypatch.setattr(own, "syscall", lambda *args: len(args), raising=False)
    monkeypatch.setitem(sys.modules, "_fixpoint_calls", own)
    monkeypatch.setattr("_ctypes.dlopen", refuse)
    assert launch.load()(1, b"", None) == 3


@pytest.mark.parametrize("name", ["python", "py thon", "it's", "l" * 130])
def test_an_interpreter_may_have_any_path(name: str, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to(os.path.realpath(sys.executable))
    start = tmp_path / "start"
    start.write_bytes(launcher_text(str(tmp_path / name)))
    start.chmod(0o755)
    done = subprocess.run([start, "x"], capture_output=True, text=True, check=False)
    assert done.returncode == 126
    assert f"cannot start {start}: Invalid argument" in done.stderr  # it is no link to a launcher


def test_a_layout_names_its_launcher() -> None:
    assert Layout("/r").launcher == os.path.normpath("/r/store/object/launchers/" + LAUNCHER_LINK)
