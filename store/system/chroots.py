"""Making the root directory of a chroot the root of a process's mounts.

The kernel makes no user namespace for a process whose root directory is not the root of its mounts.
With root's rights the two can be made to agree: the process takes a copy of all mounts for itself,
and puts that of its root directory over the others. Every path stays as it was.
"""

from __future__ import annotations

import os

from store.system import kernel

_RIGHTS = (kernel.CAP_SYS_CHROOT, kernel.CAP_SYS_ADMIN)
_BELOW = "/proc"
"""A folder that every root directory has; nothing in it is looked at."""

_UP = "../" * 1000
"""Leads from every folder that has a path to the top."""


def leave_chroot() -> bool:
    """Make the root directory of this process, and of its future children, the root of their
    mounts, which are its own from then on. Returns False where it has not the right to.

    Only for a process with one thread. After an OSError, the root directory is as it was.
    """
    held = kernel.capabilities()
    if not all(held >> capability & 1 for capability in _RIGHTS):
        return False
    here = os.getcwd()
    kernel.unshare(kernel.CLONE_NEWNS)
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    tree = kernel.open_tree("/", recursive=True)
    try:
        _put_on_top(tree)
    except OSError:
        _enter(root)
        raise
    finally:
        os.close(root)
        os.close(tree)
        os.chdir(here)
    return True


def _put_on_top(tree: int) -> None:
    os.chdir("/")
    os.chroot(_BELOW)
    # Nothing stops the way up from a working directory that is outside of the root directory.
    os.chdir(_UP)
    os.chroot(".")
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.move_mount(tree, "/")
    _enter(tree)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)


def _enter(root: int) -> None:
    os.fchdir(root)
    os.chroot(".")
