"""``store run``: programs are found as they will be seen inside, and start as from a shell."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import Shop


@pytest.fixture
def small(tmp_path: Path) -> Shop:
    """A store of a test's own; it needs no seed."""
    return Shop(tmp_path / "root")


def add_program(shop: Shop, folder: Path, name: str = "greet", text: str = "echo hello $1") -> str:
    """Add a folder with one script; its store path."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / "bin" / name).chmod(0o755)
    return shop.path("add", str(folder))


def test_a_program_is_found_behind_links(small: Shop, tmp_path: Path) -> None:
    behind = add_program(small, tmp_path / "behind")
    (tmp_path / "whole").symlink_to(behind)
    for name, target in (("folder", f"{behind}/bin"), ("relative", f"../{behind[7:]}/bin")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bin").symlink_to(target)
    (tmp_path / "each" / "bin").mkdir(parents=True)
    (tmp_path / "each" / "bin" / "greet").symlink_to(f"{behind}/bin/greet")
    for name in ("whole", "folder", "relative", "each"):
        path = small.path("add", str(tmp_path / name))
        done = small.run("run", path, "--", "greet", "you")
        assert (done.stdout, done.returncode) == ("hello you\n", 0), (name, done.stderr)


def test_a_link_that_leads_nowhere_gives_way_to_the_next(small: Shop, tmp_path: Path) -> None:
    (tmp_path / "broken" / "bin").mkdir(parents=True)
    (tmp_path / "broken" / "bin" / "greet").symlink_to("/nowhere")
    broken = small.path("add", str(tmp_path / "broken"))
    good = add_program(small, tmp_path / "good")
    assert small.run("run", f"{broken},{good}", "--", "greet").stdout == "hello\n"
    missing = small.run("run", broken, "--", "greet")
    assert missing.returncode == 127
    assert "nor on PATH" in missing.stderr


def test_a_file_that_is_no_program_is_126(small: Shop, tmp_path: Path) -> None:
    (tmp_path / "plain" / "bin").mkdir(parents=True)
    (tmp_path / "plain" / "bin" / "only-data").write_text("data")
    path = small.path("add", str(tmp_path / "plain"))
    assert small.run("run", path, "--", "only-data").returncode == 126


def test_programs_get_the_signals_that_python_ignores(small: Shop, tmp_path: Path) -> None:
    path = add_program(small, tmp_path / "p", text="grep -i sigign /proc/self/status")
    ignored = int(small.run("run", path, "--", "greet").stdout.split()[1], 16)
    assert not ignored & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)


def test_adding_what_is_there_needs_no_writing(small: Shop, tmp_path: Path) -> None:
    path = add_program(small, tmp_path / "there")
    if os.geteuid() == 0:
        reader = Shop(small.root, env={"TMPDIR": "/tmp"}, uid=None)
        os.chmod(tmp_path, 0o755)
        os.chown(small.root, 4242, 4242)
        for folder, folders, files in os.walk(small.root):
            for name in (*folders, *files):
                os.chown(os.path.join(folder, name), 4242, 4242, follow_symlinks=False)
    else:
        reader = small
        for name in ("index", "tmp"):
            (small.root / name).chmod(0o555)
    assert reader.run("add", str(tmp_path / "there")).stdout.strip() == path
    (tmp_path / "there" / "more").write_text("new")
    refused = reader.run("add", str(tmp_path / "there"))
    assert refused.returncode in (52, 55), refused.stderr


def test_a_run_leaves_nothing_that_verify_calls_a_leftover(small: Shop, tmp_path: Path) -> None:
    path = add_program(small, tmp_path / "p")
    assert small.run("run", path, "--", "greet").returncode == 0
    done = small.run("verify")
    assert (done.returncode, done.stdout) == (0, "")
    assert "0 notes" in done.stderr


def test_a_program_whose_interpreter_is_missing_is_told_so(small: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    (folder / "bin").mkdir(parents=True)
    program = folder / "bin" / "odd"
    program.write_text("#!/nowhere/interpreter\n")
    program.chmod(0o755)
    path = small.path("add", str(folder))
    for name in ("odd", f"{path}/bin/odd"):
        done = small.run("run", path, "--", name)
        assert done.returncode == 127
        assert f"{path}/bin/odd is there, but the interpreter" in done.stderr
    assert "neither in" in small.run("run", path, "--", "even").stderr


def test_a_folder_that_was_removed_is_no_missing_program(small: Shop, tmp_path: Path) -> None:
    path = add_program(small, tmp_path / "good")
    (tmp_path / "lost").mkdir()
    line = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
    words = small.command("run", path, "--", "greet")
    done = subprocess.run(
        ["sh", "-c", line, "sh", str(tmp_path / "lost"), *words],
        env=small.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("", 50)
    assert "the current folder is missing: it was removed" in done.stderr


def test_an_empty_shell_is_the_usual_one(small: Shop, tmp_path: Path) -> None:
    path = add_program(small, tmp_path / "good")
    done = subprocess.run(
        small.command("shell", path),
        env=small.environment() | {"SHELL": ""},
        input="greet you; exit 5",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("hello you\n", 5)
