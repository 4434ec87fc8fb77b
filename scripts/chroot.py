"""Runs a program in a folder that is a root file system: with devices and ``/proc``, and nothing
else of the machine. No network, no other mounts, no other processes; root is made of any user.

``python -I chroot.py FOLDER PROGRAM [ARGUMENT…]``; the exit code is the program's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from store.system import kernel

DEVICES = ("full", "null", "random", "tty", "urandom", "zero")
LINKS = (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"))
ENVIRONMENT = {"PATH": "/bin", "HOME": "/root", "TERM": "dumb"}
_APART = (
    kernel.CLONE_NEWNS
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
)


def main(folder: str, argv: Sequence[str]) -> NoReturn:
    """Become the parent of the program, and end as it does."""
    take_namespaces(_APART)
    child = os.fork()  # the first process of the new numbering
    if child == 0:
        kernel.die_with_parent()
        enter(folder)
        os.execve(argv[0], list(argv), ENVIRONMENT)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os._exit(ended if ended >= 0 else 128 - ended)


def take_namespaces(flags: int) -> None:
    """Take namespaces (``CLONE_NEW*``) of our own; another user than root is root in them."""
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        kernel.unshare(flags)
        return
    kernel.unshare(flags | kernel.CLONE_NEWUSER)
    maps = {"setgroups": "deny", "uid_map": f"0 {user} 1", "gid_map": f"0 {group} 1"}
    for name, text in maps.items():
        with open(f"/proc/self/{name}", "wb", buffering=0) as file:
            file.write(text.encode())


def enter(folder: str) -> None:
    """Make the folder the root of all mounts, and let go of the others."""
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount(folder, folder, None, kernel.MS_BIND)
    os.chdir(folder)
    kernel.mount("proc", "proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    kernel.mount("tmpfs", "dev", "tmpfs", kernel.MS_NOSUID, "mode=0755")
    for name in DEVICES:
        os.close(os.open(f"dev/{name}", os.O_CREAT | os.O_WRONLY))
        kernel.mount(f"/dev/{name}", f"dev/{name}", None, kernel.MS_BIND)
    for name, target in LINKS:
        os.symlink(target, f"dev/{name}")
    os.mkdir("dev/shm", 0o1777)
    kernel.pivot_root(".", ".")
    # Both are now at "/", the old one on top.
    kernel.umount(".")
    os.chdir("/")
    kernel.loopback_up()


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]), sys.argv[2:])
