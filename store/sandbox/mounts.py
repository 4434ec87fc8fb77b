"""The file tree that a builder sees, mounted piece by piece by a process with its own mounts.

The process needs its own user and mount namespace, and for ``/proc`` has to be the first of its
own pid namespace. It ends with the new tree as its root and nothing of the host's left in reach.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from store.display import printable
from store.errors import SandboxUnavailable
from store.sandbox.diagnosis import INPUT
from store.sandbox.points import STORE
from store.sandbox.preparation import DIRECTORIES, SandboxPlan
from store.system import kernel
from store.system.beneath import opened

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
_OBJECTS: Final = "proc"
"""The entry of ``/`` where the store directory lies while its objects are mounted from it. It is
one of the sandbox's own: no root file system has an entry of that name."""

_CLOSED_LINES: Final = re.compile(rb"^(?:[^ \n]+ ){5}ro,nosuid,nodev[ ,].*\n", re.MULTILINE)
"""Lines of mountinfo, as the kernel writes them, whose mount is read-only and opens nothing."""

_WRITABLE: Final = frozenset((*(f"/{name}" for name in DIRECTORIES), "/dev/shm"))
_DEVICES: Final = frozenset(f"/dev/{name}" for name in DEVICES)


def open_trees(plan: SandboxPlan) -> dict[str, int]:
    """Open detached mounts of the store directory and the writable directories, by entry of ``/``.

    Root takes them while he is root: the build user cannot pass closed directories above the store.
    Another user takes them as soon as he has a mount namespace.
    """
    with opened(plan.store_dir) as objects, opened(plan.work_dir) as work:
        trees = {_OBJECTS: kernel.open_tree("", folder=objects)}
        for name in DIRECTORIES:
            trees[name] = kernel.open_tree(name, folder=work)
    return trees


def build_root(plan: SandboxPlan, trees: Mapping[str, int], step: Callable[[str], None]) -> None:
    """Make the tree of ``plan`` and make it the root. ``step`` is called with each step."""
    step("making the mounts private")
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    start_root(step)
    step("mounting the store directory")
    for name, tree in trees.items():
        os.mkdir(name)
        kernel.move_mount(tree, name)
        kernel.restrict_mount(name, _CLOSED | (kernel.MS_RDONLY if name == _OBJECTS else 0))
    # Each is a copy of the mount above, with its flags: read-only, no set-user-id, no devices.
    _mount_rootfs(plan, trees[_OBJECTS], step)
    _mount_inputs(plan.inputs, trees[_OBJECTS], trees[STORE], step)
    kernel.umount(_OBJECTS)
    _mount_devices(step)
    step("mounting /proc")
    kernel.mount("proc", "proc", "proc", _CLOSED | kernel.MS_NOEXEC | kernel.MS_RDONLY, HIDEPID)
    os.mkdir("etc")
    for name, text in plan.etc:
        _write_file(f"etc/{name}", text)
    finish_root(step)
    step("checking the mounts")
    with open("/proc/self/mountinfo", "rb", buffering=0) as table:
        check_mounts(table.readall())


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


def check_mounts(table: bytes) -> None:
    """Raise ``SandboxUnavailable`` if a mount of ``table`` (mountinfo, proc(5)) lets a builder do
    more than it may. It is a look from inside at what the kernel has made of our requests."""
    # There may be thousands, nearly all of them closed.
    for line in os.fsdecode(_CLOSED_LINES.sub(b"", table)).split("\n")[:-1]:
        _, _, _, _, point, options, _ = line.split(" ", 6)
        needed = {"nosuid", "noexec" if point in _DEVICES else "nodev"}
        missing = (needed if point in _WRITABLE else {"ro", *needed}) - {*options.split(",")}
        if missing:
            raise SandboxUnavailable(
                f"the sandbox cannot be made: {printable(point)} is mounted without "
                f"{', '.join(sorted(missing))} ({options})",
                hint="please report it with the kernel's version (uname -r)",
            )


def _mount_rootfs(plan: SandboxPlan, objects: int, step: Callable[[str], None]) -> None:
    if plan.rootfs is None:
        return
    entries = plan.root_entries
    step("opening the root file system")
    with opened(plan.rootfs, folder=objects) as rootfs:
        for name in entries.directories:
            step(f"mounting /{name}")
            os.mkdir(name)
            kernel.bind_all(rootfs, (name,), kernel.AT_FDCWD)
        for name in entries.files:
            step(f"mounting /{name}")
            _write_file(name, "")
            kernel.bind_all(rootfs, (name,), kernel.AT_FDCWD)
    for name, target in entries.links:
        os.symlink(target, name)


def _mount_inputs(
    names: Iterable[str], objects: int, points: int, step: Callable[[str], None]
) -> None:
    try:
        kernel.bind_all(objects, names, points)
    except OSError as error:
        step(f"{INPUT}{error.filename2}")
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
