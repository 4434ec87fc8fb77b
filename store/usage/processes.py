"""The use of the store by running processes, as far as this user may see.

By the kernel's view: the program, its libraries and other mapped files, open files, the working
folder and root, and the environment that it was started with.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from store.digest import ALPHABET, TEXT_SIZE, from_text

_LINKS = ("exe", "cwd", "root")
_TEXTS = ("maps", "environ")
_PIECE = 1 << 20
_OVERLAP = 64
_DIGEST = re.compile(rf"/([{ALPHABET}]{{{TEXT_SIZE}}})-".encode())
"""A store path's digest, whatever stands before it: a process may see the store at ``/store``, at
its physical place, or by an object's own mount."""


class Usage(NamedTuple):
    """Digests (20 bytes) of possible objects, by process id, with the processes' names.

    ``unseen`` are the processes that did not let themselves be looked at, or not wholly.
    """

    digests: dict[int, set[bytes]]
    names: dict[int, str]
    unseen: list[int]


def in_use(proc: str = "/proc") -> Usage:
    """Look at every process but this one."""
    usage = Usage({}, {}, [])
    for name in os.listdir(proc):
        if name.isdigit() and int(name) != os.getpid():
            _look(f"{proc}/{name}", int(name), usage)
    return usage


def _look(folder: str, pid: int, usage: Usage) -> None:
    found: set[bytes] = set()
    refused = False
    for place in (*_LINKS, *_TEXTS, "fd"):
        try:
            for text in _read(folder, place):
                found.update(_DIGEST.findall(text))
        except PermissionError:
            refused = True
        except OSError:
            continue  # it has just ended, or is a thread of the kernel and has none of these
    if refused:
        usage.unseen.append(pid)
    if found:
        usage.digests[pid] = {from_text(text.decode()) for text in found}
        usage.names[pid] = _name(folder)


def _read(folder: str, place: str) -> Iterator[bytes]:
    path = f"{folder}/{place}"
    if place in _LINKS:
        yield os.fsencode(os.readlink(path))
    elif place in _TEXTS:
        with open(path, "rb") as stream:
            yield from _pieces(stream)
    else:
        for name in os.listdir(path):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                yield os.fsencode(os.readlink(f"{path}/{name}"))


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Yield a text in pieces that overlap by more than a store path's digest has bytes: a process
    may have as many mapped files, with names as long, as it likes."""
    before = b""
    while piece := stream.read(_PIECE):
        yield before + piece
        before = (before + piece)[-_OVERLAP:]


def _name(folder: str) -> str:
    try:
        with open(f"{folder}/comm", encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return "?"
