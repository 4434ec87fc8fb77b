"""The processes that have locked bytes of a file for themselves alone, as ``/proc`` shows them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Final

from store.display import printable

LONGEST_COMMAND: Final = 60
"""Characters of another process's command line that a message shows."""

_OWN_PROGRAMS: Final = ("__main__.py", "store")


def holders(path: str) -> Sequence[str]:
    """Return ``process <id>: <command>`` for each process that has such a lock; of a process and
    those that inherited its locks, the first alone. This process is left out."""
    try:
        file = os.stat(path)
    except OSError:
        return ()
    pids = {pid for pid in _processes() if pid != os.getpid() and _has_lock(pid, file)}
    first = sorted(pid for pid in pids if _parent(pid) not in pids)
    return [f"process {pid}: {command_of(pid)}" for pid in first]


def command_of(pid: int) -> str:
    """Return the words of a process, cut if they are long; of a ``store``, without Python's."""
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as stream:
            words = stream.read().rstrip("\0").split("\0")
    except OSError:
        return "?"
    for number, word in enumerate(words[:8]):
        if os.path.basename(word) in _OWN_PROGRAMS:
            words = ["store", *_from_command(words[number + 1 :])]
            break
    text = " ".join(words) or "?"
    return printable(text if len(text) <= LONGEST_COMMAND else f"{text[:LONGEST_COMMAND]}…")


def _from_command(words: list[str]) -> list[str]:
    """Return the words of a command line without the folders in front of the command."""
    while words[:1] and words[0] in ("--root", "--recipes"):
        words = words[2:]
    return words


def _processes() -> Iterator[int]:
    try:
        yield from (int(name) for name in os.listdir("/proc") if name.isdigit())
    except OSError:
        return


def _has_lock(pid: int, file: os.stat_result) -> bool:
    """Return whether an open file of the process is this one, with a lock for one alone."""
    with contextlib.suppress(OSError):  # it has ended, or is another user's
        return any(_locks(pid, name, file) for name in os.listdir(f"/proc/{pid}/fd"))
    return False


def _locks(pid: int, name: str, file: os.stat_result) -> bool:
    with contextlib.suppress(OSError):  # it was closed meanwhile
        found = os.stat(f"/proc/{pid}/fd/{name}")
        return os.path.samestat(found, file) and _is_locking(f"/proc/{pid}/fdinfo/{name}")
    return False


def _is_locking(path: str) -> bool:
    with open(path, encoding="ascii", errors="replace") as stream:
        return any(line.startswith("lock:") and "WRITE" in line for line in stream)


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stream:
            return int(stream.read().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0
