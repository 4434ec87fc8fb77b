"""From a request to a plan: everything that can be done and computed before the fork.

The children of the fork only follow the plan. This keeps them short, and free of anything that is
unsafe in a process that was forked from one with threads.
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from store import kernel
from store.build import seccomp
from store.build.request import BuildRequest
from store.errors import SandboxUnavailable, StorageError, UnknownObject

if TYPE_CHECKING:
    from store.build.tracing import Tracer

BASE_ID: Final = 0x6000_0000
"""Build users of root's builds: this plus 20 bits of the work directory's inode number. Far from
the ids of people, of services, and of the ranges that are handed out to containers."""

OWN_ENTRIES: Final = frozenset(("build", "dev", "etc", "proc", "store", "tmp"))
"""Entries of ``/`` that a root file system cannot supply."""

STORE: Final = "store"
"""The directory of a work directory where outputs are made, and inputs are mounted."""

DIRECTORIES: Final = {"build": 0o755, STORE: 0o755, "tmp": 0o1777}
"""The directories of a work directory that the builder may write to, with their modes."""

MOUNT_POINT: Final = "mount-point"
"""The empty file of a work directory whose inode inputs that are files are mounted on."""

LINKED: Final = "linked"
"""The empty file of a work directory that says: an input is a link. A builder can put anything in
the place of its copy, so that what has an input's name need not be a mount point."""

CONTRACT_ENV: Final = (
    ("HOME", "/homeless"),
    ("TMPDIR", "/tmp"),
    ("TZ", "UTC"),
    ("LC_ALL", "C"),
    ("SOURCE_DATE_EPOCH", "1"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the children do. All paths in ``mounted`` are physical."""

    store_dir: str
    mounted: tuple[tuple[str, str], ...]
    """Writable directories: (physical path, entry of ``/``)."""
    rootfs: str | None
    root_dirs: tuple[str, ...]
    root_files: tuple[str, ...]
    root_links: tuple[tuple[str, str], ...]
    inputs: tuple[str, ...]
    etc: tuple[tuple[str, str], ...]
    build_user: int | None
    """The host's id, of user and group, that the builder gets; None for the caller's own."""
    uid: int
    gid: int
    """What these look like inside."""
    uid_map: str
    gid_map: str
    filter: bytes
    personality: int
    processors: frozenset[int] | None
    """Those that the builder may run on; None for all of the caller's."""
    argv: tuple[str, ...]
    env: dict[str, str]
    jobserver: tuple[int, ...]
    interactive: bool
    tracer: Tracer | None
    """For the builds of an audit that have to be traced."""


def prepare(request: BuildRequest, *, interactive: bool = False) -> Plan:
    """Make the directories and mount points of a build, and its plan.

    Raises ``UnknownObject`` if an input is not there and ``SandboxUnavailable`` on a machine that
    the system-call filter is not written for.
    """
    if kernel.machine() != seccomp.MACHINE:
        raise SandboxUnavailable(
            f"there is no system-call filter for this machine ({kernel.machine()})",
            hint=f"builds are sandboxed on {seccomp.MACHINE} only",
        )
    build_user = _build_user(request.work_dir)
    if build_user is not None:
        _require_searchable(request.store_dir)
    mounted = _make_directories(request.work_dir, build_user)
    directories, files, links = _root_entries(request)
    return Plan(
        store_dir=request.store_dir,
        mounted=mounted,
        rootfs=request.rootfs,
        root_dirs=directories,
        root_files=files,
        root_links=links,
        inputs=_make_mount_points(request),
        etc=_etc(request),
        build_user=build_user,
        uid=request.uid,
        gid=request.gid,
        uid_map=f"{request.uid} {os.geteuid() if build_user is None else build_user} 1",
        gid_map=f"{request.gid} {os.getegid() if build_user is None else build_user} 1",
        filter=seccomp.program(),
        personality=request.personality | (0 if request.aslr else kernel.ADDR_NO_RANDOMIZE),
        processors=_processors(request),
        argv=(request.builder, *request.args),
        env=_environment(request),
        jobserver=request.jobserver or (),
        interactive=interactive,
        tracer=_tracer(request),
    )


def _build_user(work_dir: str) -> int | None:
    """Root's builds get an id of their own. Root in a container may not have the power."""
    if os.geteuid() != 0:
        return None
    needed = (kernel.CAP_CHOWN, kernel.CAP_SETGID, kernel.CAP_SETUID, kernel.CAP_SYS_ADMIN)
    held = kernel.capabilities()
    if not all(held >> capability & 1 for capability in needed):
        return None
    build_user = BASE_ID + os.stat(work_dir).st_ino % (1 << 20)
    mapped = _is_mapped("/proc/self/uid_map", build_user) and _is_mapped(
        "/proc/self/gid_map", build_user
    )
    return build_user if mapped else None


def _is_mapped(path: str, number: int) -> bool:
    with open(path, encoding="ascii") as table:
        ranges = [tuple(map(int, line.split())) for line in table]
    return any(first <= number < first + count for first, _, count in ranges)


def _require_searchable(store_dir: str) -> None:
    if not os.stat(store_dir).st_mode & stat.S_IXOTH:
        raise StorageError(
            f"{store_dir} is closed to the build users",
            hint=f"chmod o+x {store_dir}; the directories above it may stay closed",
        )


def _make_directories(work_dir: str, build_user: int | None) -> tuple[tuple[str, str], ...]:
    made = []
    for name, mode in DIRECTORIES.items():
        path = f"{work_dir}/{name}"
        with contextlib.suppress(FileExistsError):
            os.mkdir(path)
        if build_user is not None:
            os.chown(path, build_user, build_user, follow_symlinks=False)
        os.chmod(path, mode)
        made.append((path, name))
    return tuple(made)


def _root_entries(
    request: BuildRequest,
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Directories, files and links at the top of the root file system."""
    directories, files, links = [], [], []
    if request.rootfs is None:
        return (), (), ()
    try:
        entries = sorted(
            os.scandir(f"{request.store_dir}/{request.rootfs}"), key=lambda entry: entry.name
        )
    except OSError as error:
        raise UnknownObject(
            f"{request.name}: the root file system {request.rootfs} cannot be read: "
            f"{error.strerror}"
        ) from error
    for entry in entries:
        if entry.name in OWN_ENTRIES:
            continue
        if entry.is_symlink():
            links.append((entry.name, os.readlink(entry.path)))
        elif entry.is_dir(follow_symlinks=False):
            directories.append(entry.name)
        else:
            files.append(entry.name)
    return tuple(directories), tuple(files), tuple(links)


def _make_mount_points(request: BuildRequest) -> tuple[str, ...]:
    """Something for each input to be mounted on, unless it is there. Links cannot be, and are
    copied."""
    there = set()
    if not os.path.lexists(f"{request.work_dir}/{LINKED}"):
        there.update(os.listdir(f"{request.work_dir}/store"))
    copied = _make_missing(request, [name for name in request.inputs if name not in there])
    return tuple(name for name in request.inputs if name not in copied)


def _make_missing(request: BuildRequest, names: list[str]) -> set[str]:
    """Make mount points and copies of links; returns the names of the links."""
    copied: set[str] = set()
    objects = os.open(request.store_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    work = os.open(request.work_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    target = os.open("store", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=work)
    try:
        for name in names:
            try:
                mode = os.lstat(name, dir_fd=objects).st_mode
            except FileNotFoundError:
                raise UnknownObject(
                    f"{request.name}: its input {name} is not in {request.store_dir}"
                ) from None
            if stat.S_ISLNK(mode) and not copied:
                with contextlib.suppress(FileExistsError):
                    _create_empty(LINKED, work)
            with contextlib.suppress(FileExistsError):
                if stat.S_ISLNK(mode):
                    copied.add(name)
                    os.symlink(os.readlink(name, dir_fd=objects), name, dir_fd=target)
                elif stat.S_ISDIR(mode):
                    os.mkdir(name, 0o755, dir_fd=target)
                else:
                    _make_empty(name, target, work)
    finally:
        for fd in (objects, work, target):
            os.close(fd)
    return copied


def _make_empty(name: str, folder: int, work: int) -> None:
    """Make an empty file: another name of the one inode in the work directory, where that can be.

    A graph of builds makes and removes such files by the hundred thousand, and ext4 spends longer
    and longer looking for inodes that were not freed just now.
    """
    try:
        os.link(MOUNT_POINT, name, src_dir_fd=work, dst_dir_fd=folder)
    except FileNotFoundError:
        _create_empty(MOUNT_POINT, work)
        _make_empty(name, folder, work)
    except FileExistsError:
        raise
    except OSError:  # no links here, or no more of them
        _create_empty(name, folder)


def _create_empty(name: str, folder: int) -> None:
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
    os.close(os.open(name, flags, 0o644, dir_fd=folder))


def _etc(request: BuildRequest) -> tuple[tuple[str, str], ...]:
    return (
        ("passwd", f"{request.user}:x:{request.uid}:{request.gid}::/homeless:/bin/sh\n"),
        ("group", f"{request.group}:x:{request.gid}:\n"),
        ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    )


def _processors(request: BuildRequest) -> frozenset[int] | None:
    if request.processors is None:
        return None
    return frozenset(sorted(os.sched_getaffinity(0))[: request.processors])


def _tracer(request: BuildRequest) -> Tracer | None:
    if not request.wants_tracing:
        return None
    # Before the fork: afterwards there is no file to import from. Other builds do without.
    from store.build.pretence import pretend
    from store.build.tracing import Tracer

    return Tracer(pretend(request))


def _environment(request: BuildRequest) -> dict[str, str]:
    """The contract's variables, under the derivation's own, beside what is told and not hashed."""
    told = {"STORE_CORES": str(request.cores)}
    if request.jobserver is not None:
        # As make itself tells it to a make that it starts; read by make 4.2 and later.
        told["MAKEFLAGS"] = f" -j{request.cores} --jobserver-auth=3,4"
    elif request.cores > 1:
        told["MAKEFLAGS"] = f" -j{request.cores}"
    return {**dict(CONTRACT_ENV), **told, **dict(request.env)}
