"""A look at the program that a build starts with, from inside, before it is executed.

The process that executes it is a copy of ours, and ``/proc/self/exe`` is the host's Python until
the kernel has changed programs. So nothing on the way to the builder may lead through one of
``/proc``'s links that lead where no path does: neither the builder, nor the interpreter that a
script or an ELF file names.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import Final

from store.system import kernel

HEAD: Final = 256  # bytes of a script that the kernel looks at for its interpreter
DEEPEST: Final = 6  # scripts that are interpreters of scripts: one more than the kernel follows
FOREIGN: Final = ("/proc/", "/dev/")
MOST_HEADERS: Final = 65536 // 56  # as many as the kernel reads of an ELF file
PT_INTERP: Final = 3

_HEADER: Final = struct.Struct("<I4xQ16xQ16x")  # kind, offset, size in the file


def leads_out(path: str, depth: int = DEEPEST) -> str | None:
    """Return the path, of the program or an interpreter that it names, that leads out of the root
    file system and the store; None if there is none, as when the program is not there at all."""
    try:
        fd = _open(path)
    except OSError as error:
        return path if error.errno == errno.ELOOP and os.path.exists(path) else None
    try:
        place = f"/proc/self/fd/{fd}"
        if os.readlink(place).startswith(FOREIGN):
            return path
        with open(place, "rb", buffering=0) as program:
            named = _interpreter(program.fileno())
    except OSError:
        return None  # of no kind that can be executed, or that can be read
    finally:
        os.close(fd)
    return leads_out(named, depth - 1) if named and depth else None


def _open(path: str) -> int:
    flags = os.O_PATH | os.O_CLOEXEC
    try:
        return kernel.openat2(
            kernel.AT_FDCWD, os.fsencode(path), flags, 0, kernel.RESOLVE_NO_MAGICLINKS
        )
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EPERM):
            raise
    # Before Linux 5.6: the targets by the texts of links have to be the same.
    text = os.path.realpath(path)
    if not os.path.exists(path) or (os.path.exists(text) and os.path.samefile(path, text)):
        return os.open(text, flags)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def _interpreter(fd: int) -> str | None:
    """Return the path that a script or an ELF file names."""
    head = os.pread(fd, HEAD, 0)
    if head.startswith(b"#!"):
        words = head[2:].partition(b"\n")[0].replace(b"\t", b" ").strip(b" ").split(b" ")
        return os.fsdecode(words[0].partition(b"\0")[0])
    if not head.startswith(b"\x7fELF") or len(head) < 64:
        return None
    (start,) = struct.unpack_from("<Q", head, 32)
    (count,) = struct.unpack_from("<H", head, 56)
    table = os.pread(fd, min(count, MOST_HEADERS) * _HEADER.size, min(start, 1 << 62))
    whole = len(table) - len(table) % _HEADER.size
    for kind, offset, size in _HEADER.iter_unpack(table[:whole]):
        if kind == PT_INTERP:
            text = os.pread(fd, min(size, 4096), min(offset, 1 << 62))
            return os.fsdecode(text.partition(b"\0")[0])
    return None
