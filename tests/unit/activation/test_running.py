"""The running system, and making another one the running one."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.activation.running import activate, forgive, running
from store.errors import StorageError, UsageError


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The folder in which process 1 names the running system."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "system").write_text("/run/image\n")
    (folder / "generation").write_text("0\n")
    return folder


def test_the_running_system_is_what_process_1_says(state: Path) -> None:
    assert running(str(state)) == ("/run/image", 0)


def test_elsewhere_there_is_none(state: Path) -> None:
    (state / "generation").write_text("many\n")
    for folder in (state, state / "nowhere"):
        with pytest.raises(UsageError, match="does not run a system of this distribution"):
            running(str(folder))


def test_a_system_is_activated_before_its_services_begin(state: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    log = tmp_path / "log"
    script(tree / "etc/runit/activate", f'echo "activate $1" >> {log}')
    script(tree / "etc/runit/services", f"cat {state}/generation >> {log}")
    activate(str(tree), 3, str(state))
    assert log.read_text() == f"activate {tree}\n3\n"


def test_where_it_fails_no_service_begins_and_its_words_are_shown(
    state: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    script(tree / "etc/runit/activate", "echo no room >&2; exit 4")
    script(tree / "etc/runit/services", f"touch {tmp_path}/began")
    with pytest.raises(StorageError, match="activate ended with 4: no room"):
        activate(str(tree), 3, str(state))
    assert not (tmp_path / "began").exists()
    assert running(str(state)).generation == 0


def test_a_tree_without_the_scripts_is_an_error(state: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot make the system the running one"):
        activate(str(tmp_path), 3, str(state))


def test_words_of_any_bytes_are_shown(state: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    script(tree / "etc/runit/activate", r"printf 'a\377\033[1m\nb\n' >&2; exit 1")
    with pytest.raises(StorageError) as caught:
        activate(str(tree), 3, str(state))
    assert caught.value.message.endswith("activate ended with 1: a\\xff\\x1b[1m\nb")


def test_a_chosen_generation_is_tried_as_if_it_never_was(tmp_path: Path) -> None:
    (tmp_path / "failed").write_text("2\n12\n3\n")
    forgive(2, str(tmp_path))
    assert (tmp_path / "failed").read_text() == "12\n3\n"
    assert not (tmp_path / "up").exists()


def test_what_a_power_cut_left_in_the_memory_is_kept(tmp_path: Path) -> None:
    (tmp_path / "failed").write_bytes(b"2\n\xff\0\n3\n")
    forgive(2, str(tmp_path))
    assert (tmp_path / "failed").read_bytes() == b"\xff\0\n3\n"
