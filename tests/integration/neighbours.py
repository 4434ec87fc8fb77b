"""Another user of the machine, that holds every lock that there is to be had."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

NEIGHBOUR = 12345


def hold_all(root: str, told: int, avoided: Sequence[str]) -> None:
    """Take each kind of lock on all that can be opened, for good, and again on new files; but on
    nothing in the folders ``avoided``, which are paths."""
    held: dict[tuple[int, int], int] = {}
    while True:
        for folder, names, files in os.walk(root):
            if folder in avoided:
                names[:], files[:] = [], []
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
def neighbour(root: Path, *, avoided: Sequence[str] = ()) -> Iterator[None]:
    """Another user's process that holds locks, until the end; on nothing in the folders
    ``avoided``.

    To lock a file it keeps it open: with an object's file or manifest, the object is in use, and a
    collector that can look at this process keeps it.
    """
    reading, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(NEIGHBOUR, NEIGHBOUR, NEIGHBOUR)
            os.setresuid(NEIGHBOUR, NEIGHBOUR, NEIGHBOUR)
            hold_all(str(root), told, avoided)
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


def let_in(folder: Path) -> None:
    """Let others reach a folder of this user's, which may be kept from them."""
    for each in (folder, *folder.parents):
        if each != Path("/") and each.stat().st_uid == os.geteuid():
            each.chmod(each.stat().st_mode | 0o055)
