"""From a request to a plan: everything that can be done and computed before the fork.

The children of the fork only follow the plan. This keeps them short, and free of anything that is
unsafe in a process that was forked from one with threads.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from store.errors import SandboxUnavailable, StorageError
from store.sandbox import seccomp
from store.sandbox.given_files import make_files
from store.sandbox.points import STORE, RootEntries, make_mount_points, root_entries
from store.sandbox.request import BuildRequest
from store.system import kernel
from store.system.beneath import opened

if TYPE_CHECKING:
    from store.sandbox.tracing import Tracer

BASE_ID: Final = 0x6000_0000
"""Build users of root's builds: this plus 20 bits of the work directory's inode number. Far from
the ids of people, of services, and of the ranges that are handed out to containers."""

DIRECTORIES: Final = {"build": 0o755, STORE: 0o755, "tmp": 0o1777}
"""The directories of a work directory that the builder may write to, with their modes."""

CONTRACT_ENV: Final = (
    ("HOME", "/homeless"),
    ("TMPDIR", "/tmp"),
    ("TZ", "UTC"),
    ("LC_ALL", "C"),
    ("SOURCE_DATE_EPOCH", "1"),
)


@dataclass(frozen=True, slots=True)
class SandboxPlan:
    """The steps of the children. ``store_dir`` and ``work_dir`` are physical."""

    store_dir: str
    work_dir: str
    """Has the writable directories."""
    rootfs: str | None
    root_entries: RootEntries
    inputs: tuple[str, ...]
    """Those to be mounted."""
    etc: tuple[tuple[str, str], ...]
    build_user: int | None
    """The host's id, of user and group, that the builder gets; None for the caller's own."""
    uid: int
    gid: int
    """The ids inside."""
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


def prepare(request: BuildRequest, *, interactive: bool = False) -> SandboxPlan:
    """Make the directories and mount points of a build, and its plan.

    Raises ``UnknownObject`` if an input is missing; ``BuildFailed`` if one cannot be used;
    ``SandboxUnavailable`` on a machine that the system-call filter is not written for.
    """
    if kernel.machine() != seccomp.MACHINE:
        raise SandboxUnavailable(
            f"there is no system-call filter for this machine ({kernel.machine()})",
            hint=f"builds are sandboxed on {seccomp.MACHINE} only",
        )
    build_user = _build_user(request.work_dir)
    if build_user is not None:
        _require_searchable(request.store_dir)
    _make_directories(request.work_dir, build_user)
    if request.files:
        make_files(f"{request.work_dir}/build", request.files, build_user)
    return SandboxPlan(
        store_dir=request.store_dir,
        work_dir=request.work_dir,
        rootfs=request.rootfs,
        root_entries=root_entries(request),
        inputs=make_mount_points(request),
        etc=etc_files(request),
        build_user=build_user,
        uid=request.uid,
        gid=request.gid,
        uid_map=f"{request.uid} {os.geteuid() if build_user is None else build_user} 1",
        gid_map=f"{request.gid} {os.getegid() if build_user is None else build_user} 1",
        filter=seccomp.program(),
        personality=request.personality | (0 if request.aslr else kernel.ADDR_NO_RANDOMIZE),
        processors=_processors(request),
        argv=(request.builder, *request.args),
        env=builder_environment(request),
        jobserver=request.jobserver or (),
        interactive=interactive,
        tracer=_tracer(request),
    )


def _build_user(work_dir: str) -> int | None:
    """Return an id of its own for root's builds. Root in a container may not have the power."""
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
            hint=f"`chmod o+x {shlex.quote(store_dir)}`; the directories above it may stay closed",
        )


def _make_directories(work_dir: str, build_user: int | None) -> None:
    with opened(work_dir) as work:
        for name, mode in DIRECTORIES.items():
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=work)
            with opened(name, folder=work) as directory:
                # By the descriptor, which needs no right to read: a builder may have taken that.
                path = f"/proc/self/fd/{directory}"
                if build_user is not None:
                    os.chown(path, build_user, build_user)
                os.chmod(path, mode)


def etc_files(request: BuildRequest) -> tuple[tuple[str, str], ...]:
    """Return the files of the builder's ``/etc``, with their texts."""
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
    from store.sandbox.emulation import pretend
    from store.sandbox.tracing import Tracer

    return Tracer(pretend(request))


def builder_environment(request: BuildRequest) -> dict[str, str]:
    """Return the contract's variables, under the derivation's own, beside those that are not
    hashed."""
    told = {"STORE_CORES": str(request.cores)}
    if request.jobserver is not None:
        # As make itself tells it to a make that it starts; read by make 4.2 and later.
        told["MAKEFLAGS"] = f" -j{request.cores} --jobserver-auth=3,4"
    elif request.cores > 1:
        told["MAKEFLAGS"] = f" -j{request.cores}"
    return {**dict(CONTRACT_ENV), **told, **dict(request.env)}
