"""The file that a build's log goes to, and the pipe that it comes from."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

from store import digest
from store.sandbox.build_log import PIECE, Log


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), 1 << 30)
    tracemalloc.start()
    for _ in range(512):
        os.write(log.writing, bytes(PIECE))
        assert log.take() == PIECE
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "log").stat().st_size == 512 * PIECE
    assert log.digest() == digest.file_digest(bytes(512 * PIECE))
    assert peak < 16 * PIECE
    log.close()


def test_draining_ends_while_somebody_goes_on_writing(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), 1 << 40)
    pid = os.fork()
    if pid == 0:
        while True:
            os.write(log.writing, bytes(512))
    try:
        log.drain()
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    log.close()


def test_nothing_is_waited_for(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), 10)
    assert log.take() == 0
    log.drain()
    os.write(log.writing, b"x" * 11)
    log.drain()
    assert log.full
    assert (tmp_path / "log").read_bytes() == b"x" * 10
    log.close()


def test_a_log_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"of an earlier build")
    log = Log(str(tmp_path / "log"), 10)
    os.write(log.writing, b"new")
    log.drain()
    log.close()
    assert (tmp_path / "log").read_bytes() == b"new"
    assert log.digest() == digest.file_digest(b"new")
