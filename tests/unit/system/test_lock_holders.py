"""Processes that lock a file are found by /proc."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from store.system.lock_holders import LONGEST_COMMAND, command_of, holders
from store.system.locks import LockFile, SharedLocks

PROGRAM = """
import fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 3, 1, 0))
if os.fork():
    print("locked", flush=True)
sys.stdin.read()
"""


def test_the_process_that_locks_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "locks"
    path.write_text("")
    command = [sys.executable, "-c", PROGRAM, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"locked\n"
        (found,) = holders(str(path))
        assert found.startswith(f"process {process.pid}: {sys.executable} -c "), "not its child"
        process.communicate()
    assert not holders(str(path))


def test_neither_this_process_nor_one_that_shares_a_lock_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "locks")
    lock = LockFile(path).try_lock(1)
    assert lock and not holders(path)
    lock.release()
    with SharedLocks(path) as shared:
        shared.add(b"k" * 20)
        child = os.fork()
        if child == 0:
            os._exit(bool(holders(path)))
        assert os.waitpid(child, 0)[1] == 0
    assert not holders(str(tmp_path / "none"))


def test_a_command_of_ours_is_shown_without_python(tmp_path: Path) -> None:
    program = tmp_path / "__main__.py"
    program.write_text("import sys; print('up', flush=True); sys.stdin.read()")
    words = ["--root", "/r", "realise", "a\n" + "b" * 90]
    command = [sys.executable, "-I", str(program), *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"up\n"
        shown = command_of(process.pid)
        process.communicate()
    assert shown.startswith("store realise a") and shown.isprintable() and shown.endswith("b…")
    assert len(shown) < LONGEST_COMMAND + 8
    assert command_of(2**22 + 1) == "?"
