"""A neighbour holds every lock that it can take, while the owner works."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Shop

NEIGHBOUR = 12345


def hold_all(root: str, told: int) -> None:
    """Take each kind of lock on all that can be opened, for good, and again on what is new."""
    held: dict[tuple[int, int], int] = {}
    while True:
        for folder, names, files in os.walk(root):
            for name in (".", *names, *files):
                with contextlib.suppress(OSError):
                    fd = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                    found = os.fstat(fd)
                    if held.setdefault((found.st_dev, found.st_ino), fd) != fd:
                        os.close(fd)
                        continue
                    with contextlib.suppress(OSError):
                        fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(told, bytes([min(len(held), 255)]))
        time.sleep(0.05)


@contextlib.contextmanager
def neighbour(root: Path) -> Iterator[None]:
    """Another user's process that holds locks, until the end."""
    reading, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(NEIGHBOUR, NEIGHBOUR, NEIGHBOUR)
            os.setresuid(NEIGHBOUR, NEIGHBOUR, NEIGHBOUR)
            hold_all(str(root), told)
        finally:
            os._exit(1)
    try:
        assert os.read(reading, 1)[0] > 5, "it holds nothing"
        yield
        assert os.waitpid(pid, os.WNOHANG) == (0, 0), "the neighbour has ended"
    finally:
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        os.close(reading)
        os.close(told)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_the_owner_collects_and_realises_beside_one_that_holds_locks(
    tmp_path: Path,
) -> None:
    own = Shop(tmp_path / "root")
    for folder in (own.root.parent, *own.root.parent.parents):
        if folder != Path("/") and folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o055)
    file = tmp_path / "file"
    file.write_text("text")
    own.path("add", str(file))
    with neighbour(own.root):
        for words in (
            ("realise", "upstream"),
            ("add", str(file)),
            ("gc",),
            ("verify", "--contents"),
            ("optimise",),
            ("index", "rebuild"),
            ("gc",),
        ):
            done = own.run(*words)
            assert done.returncode == 0, (words, done.stderr)
