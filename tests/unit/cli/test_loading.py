"""The modules that a realise with nothing to do loads: each costs the commonest command time."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.recipes.copies import RECIPES

NEEDLESS = {"urllib.parse", "store.jobs.lower", "store.sandbox.request", "rich", "store.cli.live"}
NEEDLESS |= {"store.scheduler.forecast", "socket"}

SLOW = {"click", "dataclasses", "inspect", "hashlib", "ctypes", "pickle", "json", "subprocess"}
SLOW |= {"shutil", "threading", "store.events", "store.cli.plain"}
"""Modules that plain words do without: they take longer to load than all else."""

CODE = f"""
import sys
from store.cli.main import main
try:
    main()
finally:
    needless = {NEEDLESS} if "--root" in sys.argv else {NEEDLESS | SLOW}
    print("loaded", *sorted(needless & sys.modules.keys()))
"""


@pytest.mark.slow
def test_what_only_builds_need_is_not_loaded_where_nothing_is_built(tmp_path: Path) -> None:
    options = ["--root", str(tmp_path / "root"), "--recipes", str(RECIPES / "toys")]
    command = [sys.executable, "-c", CODE, *options, "realise", "note"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    path, loaded = done.stdout.splitlines()
    assert path.endswith("-note.txt")
    assert loaded == "loaded"


@pytest.mark.slow
@pytest.mark.parametrize("words", [["--version"], ["list"], ["realise", "note"]])
def test_plain_words_load_neither_click_nor_dataclasses(tmp_path: Path, words: list[str]) -> None:
    told = {"STORE_ROOT": str(tmp_path / "root"), "STORE_RECIPES": str(RECIPES / "toys")}
    for line in (["realise", "note"], words):
        command = [sys.executable, "-I", "-c", CODE, *line]
        done = subprocess.run(
            command, env={**os.environ, **told}, stdout=subprocess.PIPE, text=True, check=True
        )
    assert done.stdout.splitlines()[-1] == "loaded"


@pytest.mark.slow
@pytest.mark.parametrize("words", [["verify"], ["verify", "--contents"]])
def test_a_plain_verification_loads_no_click(tmp_path: Path, words: list[str]) -> None:
    told = {"STORE_ROOT": str(tmp_path / "root"), "STORE_RECIPES": str(RECIPES / "toys")}
    code = CODE.replace('"loaded"', '"click" in sys.modules')
    for line in (["realise", "note"], words):
        command = [sys.executable, "-I", "-c", code, *line]
        done = subprocess.run(
            command, env={**os.environ, **told}, stdout=subprocess.PIPE, text=True, check=True
        )
    assert done.stdout.split()[0] == "False"


UNASKED = {"store.gc.collector", "store.operations.caches", "store.cache.connecting"}
"""Modules of work that a store without settings never does unasked."""


@pytest.mark.slow
@pytest.mark.parametrize("words", [["realise", "note"], ["add", __file__]])
def test_neither_the_collector_nor_caches_are_loaded_without_settings(
    tmp_path: Path, words: list[str]
) -> None:
    told = {"STORE_ROOT": str(tmp_path / "root"), "STORE_RECIPES": str(RECIPES / "toys")}
    code = CODE.replace(f"needless = {NEEDLESS}", f"needless = {UNASKED}")
    code = code.replace(f"else {NEEDLESS | SLOW}", f"else {UNASKED}")
    loaded = []
    for settings in ("", "[collect]\nmin-free = 1\n"):
        (tmp_path / "root").mkdir(exist_ok=True)
        if settings:
            (tmp_path / "root/config.toml").write_text(settings)
        done = subprocess.run(
            [sys.executable, "-I", "-c", code, *words],
            env={**os.environ, **told},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        loaded.append(done.stdout.splitlines()[-1])
        shutil.rmtree(tmp_path / "root")
    assert loaded[0] == "loaded"
    # Nothing is collected where there is room.
    assert "store.gc.collector" not in loaded[1]


RARE = {"grpc", "google", "cryptography", "backports", "rich"}
"""Packages for remote work, signatures and drawing: a small Python may be without them."""

RARELY = f"""
import sys
from store.cli.main import main
try:
    main()
finally:
    print("loaded", *sorted({RARE} & {{name.partition(".")[0] for name in sys.modules}}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("words", ["--version", "list", "verify", "gc", "realise note", "--help"])
def test_daily_commands_load_nothing_that_a_small_python_lacks(tmp_path: Path, words: str) -> None:
    told = {"STORE_ROOT": str(tmp_path / "root"), "STORE_RECIPES": str(RECIPES / "toys")}
    for line in (["realise", "note"], words.split()):
        command = [sys.executable, "-c", RARELY, *line]
        done = subprocess.run(
            command, env={**os.environ, **told}, stdout=subprocess.PIPE, text=True, check=True
        )
    assert done.stdout.splitlines()[-1] == "loaded"


@pytest.mark.slow
def test_a_terminal_changes_nothing_where_nothing_is_drawn(tmp_path: Path) -> None:
    options = ["--root", str(tmp_path / "root"), "--recipes", str(RECIPES / "toys")]
    command = [sys.executable, "-c", CODE, *options, "realise", "note"]
    subprocess.run(command, capture_output=True, check=True)
    master, slave = os.openpty()
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=slave,
            env=os.environ | {"TERM": "xterm"},
            text=True,
            check=True,
        )
        os.close(slave)
        assert done.stdout.splitlines()[1] == "loaded"
        with pytest.raises(OSError, match="Input/output"):  # its end, and nothing before
            os.read(master, 1)
    finally:
        os.close(master)


def test_ctrl_c_ends_the_process_before_anything_is_loaded() -> None:
    found = importlib.util.find_spec("store.__main__")
    assert found is not None and found.origin is not None
    loaded = []
    for node in ast.parse(Path(found.origin).read_text()).body:
        if isinstance(node, ast.If):
            break
        if isinstance(node, ast.Import):
            loaded += [alias.name for alias in node.names]
    assert loaded == ["_signal", "sys"]
    assert "default_int_handler" in ast.unparse(node)
