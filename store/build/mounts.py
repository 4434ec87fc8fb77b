"""The file tree that a builder sees, mounted piece by piece by a process with its own mounts.

The process needs its own user and mount namespace, and for ``/proc`` has to be the first of its
own pid namespace. It ends with the new tree as its root and nothing of the host's left in reach.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Final

from store import kernel
from store.build.diagnosis import INPUT
from store.build.preparation import Plan

DEVICES: Final = ("null", "zero", "full", "random", "urandom")
DEVICE_LINKS: Final = (
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
)
ROOT_LIMITS: Final = "mode=0755,size=1m,nr_inodes=8192"
SHM_LIMITS: Final = "mode=1777,size=256m,nr_inodes=65536"
HIDEPID: Final = "hidepid=2"
"""Processes that may not be traced do not show. Init is one, with the caller's command line."""

_CLOSED: Final = kernel.MS_NOSUID | kernel.MS_NODEV
_OBJECTS: Final = ".objects"


def open_trees(plan: Plan) -> dict[str, int]:
    """Detached mounts of the store directory and the writable directories, by entry of ``/``.

    Root takes them while he is root: the build user cannot pass closed directories above the
    store. Another user takes them as soon as he has a mount namespace.
    """
    trees = {_OBJECTS: kernel.open_tree(plan.store_dir)}
    for path, name in plan.mounted:
        trees[name] = kernel.open_tree(path)
    return trees


def build_root(plan: Plan, trees: Mapping[str, int], step: Callable[[str], None]) -> None:
    """Make the tree of ``plan`` and make it the root. ``step`` is told what is being tried."""
    step("making the mounts private")
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    start_root(step)
    step("mounting the store directory")
    for name, tree in trees.items():
        os.mkdir(name)
        kernel.move_mount(tree, name)
        kernel.restrict_mount(name, _CLOSED | (kernel.MS_RDONLY if name == _OBJECTS else 0))
    # Each is a copy of the mount above, with its flags: read-only, no set-user-id, no devices.
    _mount_rootfs(plan, step)
    _mount_inputs(plan, step)
    kernel.umount(_OBJECTS)
    os.rmdir(_OBJECTS)
    _mount_devices(step)
    step("mounting /proc")
    os.mkdir("proc")
    kernel.mount("proc", "proc", "proc", _CLOSED | kernel.MS_NOEXEC | kernel.MS_RDONLY, HIDEPID)
    os.mkdir("etc")
    for name, text in plan.etc:
        _write_file(f"etc/{name}", text)
    finish_root(step)


def start_root(step: Callable[[str], None]) -> None:
    """Mount an empty file system and go there. It lies over ``/proc``, which always exists."""
    step("mounting a new root")
    kernel.mount("tmpfs", "/proc", "tmpfs", _CLOSED, ROOT_LIMITS)
    os.chdir("/proc")


def finish_root(step: Callable[[str], None]) -> None:
    """Make the current directory, a mount, the root, read-only, and let go of the old root."""
    step("changing the root")
    kernel.restrict_mount(".", kernel.MS_RDONLY)
    kernel.pivot_root(".", ".")
    # Both are now at "/", the old one on top.
    kernel.umount(".")
    os.chdir("/")


def _mount_rootfs(plan: Plan, step: Callable[[str], None]) -> None:
    for name in plan.root_dirs:
        step(f"mounting /{name}")
        os.mkdir(name)
        kernel.mount(f"{_OBJECTS}/{plan.rootfs}/{name}", name, None, kernel.MS_BIND)
    for name in plan.root_files:
        step(f"mounting /{name}")
        _write_file(name, "")
        kernel.mount(f"{_OBJECTS}/{plan.rootfs}/{name}", name, None, kernel.MS_BIND)
    for name, target in plan.root_links:
        os.symlink(target, name)


def _mount_inputs(plan: Plan, step: Callable[[str], None]) -> None:
    name = ""
    try:
        for name in plan.inputs:
            kernel.mount(f"{_OBJECTS}/{name}", f"store/{name}", None, kernel.MS_BIND)
    except OSError:
        step(f"{INPUT}{name}")  # only now: there may be thousands
        raise


def _mount_devices(step: Callable[[str], None]) -> None:
    os.mkdir("dev")
    for name in DEVICES:
        step(f"mounting /dev/{name}")
        _write_file(f"dev/{name}", "")
        kernel.mount(f"/dev/{name}", f"dev/{name}", None, kernel.MS_BIND)
        # A device is written to all the same; its owner, mode and times are not.
        kernel.restrict_mount(f"dev/{name}", kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NOEXEC)
    for name, target in DEVICE_LINKS:
        os.symlink(target, f"dev/{name}")
    step("mounting /dev/shm")
    os.mkdir("dev/shm")
    kernel.mount("tmpfs", "dev/shm", "tmpfs", _CLOSED, SHM_LIMITS)


def _write_file(path: str, text: str) -> None:
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
