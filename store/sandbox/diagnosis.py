"""From what the kernel refused to the setting that made it: why a sandbox cannot be had."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
from collections.abc import Callable

from store.errors import SandboxUnavailable, UnknownObject, unmounted

REFUSED = (errno.EPERM, errno.EACCES)


def read_setting(name: str) -> str | None:
    """Return the value of a sysctl such as ``user.max_user_namespaces``; None if there is none."""
    try:
        with open("/proc/sys/" + name.replace(".", "/"), encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return None


def in_chroot(table: str = "/proc/self/mountinfo") -> bool:
    """Return whether the root directory is certainly a chroot: no mount is at it (proc(5))."""
    with contextlib.suppress(OSError), open(table, "rb") as lines:
        return all(line.split(b" ", 5)[4] != b"/" for line in lines)
    return False


def diagnose(
    step: str, code: int, setting: Callable[[str], str | None] = read_setting
) -> SandboxUnavailable | UnknownObject:
    """Return the error for a set-up ``step`` that failed with errno ``code``."""
    if step.startswith(INPUT) and code == errno.ENOENT:
        return UnknownObject(f"the input {step.removeprefix(INPUT)} is not in the store")
    what = f"the sandbox cannot be made: {step}: {os.strerror(code)}"
    for reason, hint in _reasons(step, code, setting):
        return SandboxUnavailable(f"{what} ({reason})", hint=hint)
    missing = code == errno.ENOENT
    return SandboxUnavailable(what, hint=unmounted(step.removeprefix(MOUNT)) if missing else None)


def _reasons(step: str, code: int, setting: Callable[[str], str | None]) -> list[tuple[str, str]]:
    """Yield pairs of reason and remedy, the most certain first."""
    found = []
    unsharing = step == UNSHARE
    if setting("user.max_user_namespaces") == "0" or (unsharing and code == errno.ENOSPC):
        found.append(
            (
                f"user.max_user_namespaces is {setting('user.max_user_namespaces')}",
                "sysctl -w user.max_user_namespaces=15000",
            )
        )
    if code in REFUSED and setting("kernel.unprivileged_userns_clone") == "0":
        found.append(
            (
                "kernel.unprivileged_userns_clone is 0",
                "sysctl -w kernel.unprivileged_userns_clone=1",
            )
        )
    if code in REFUSED and setting("kernel.apparmor_restrict_unprivileged_userns") == "1":
        found.append(
            (
                "kernel.apparmor_restrict_unprivileged_userns is 1",
                "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
            )
        )
    if code == errno.EAGAIN:
        found.append(
            (
                "there are as many processes as this user, or this control group, may have",
                "`ulimit -u` and `pids.max` bound them; another build may have started too many",
            )
        )
    if code == errno.ENOSYS:
        found.append(("the kernel is too old", "Linux 5.2 or newer is needed"))
    if step == DESCRIPTORS and code in (errno.EINVAL, errno.EMFILE):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        found.append(
            (
                f"this process may have {limit} open files",
                "256 are enough: ulimit -n 256",
            )
        )
    if unsharing and code == errno.EINVAL:
        found.append(
            (
                "the kernel was built without one of the user, mount, pid, net, ipc, uts and "
                "cgroup namespaces",
                "use a kernel that has CONFIG_USER_NS and the other CONFIG_*_NS",
            )
        )
    if unsharing and code in REFUSED and in_chroot():
        found.append(
            (
                "this is a chroot, in which the kernel makes none for this user",
                "run it as root; or enter the folder by bwrap or systemd-nspawn, which make it "
                "the root of all mounts",
            )
        )
    if unsharing and code in REFUSED:
        found.append(
            (
                "user namespaces are forbidden here, by a container's seccomp profile or by "
                "a chroot",
                "start the container with a seccomp profile that allows unshare and mount, "
                "such as --security-opt seccomp=unconfined",
            )
        )
    if step == "mounting /proc" and code in REFUSED:
        found.append(
            (
                "parts of this container's /proc are masked, so that no new one may be mounted",
                "start the container with --security-opt systempaths=unconfined",
            )
        )
    if step == TRACE and code in REFUSED and setting("kernel.yama.ptrace_scope") in ("2", "3"):
        scope = setting("kernel.yama.ptrace_scope")
        found.append(
            (
                f"kernel.yama.ptrace_scope is {scope}",
                "sysctl -w kernel.yama.ptrace_scope=1"
                + (" (from 3 it cannot be changed until the next start)" if scope == "3" else "")
                + "; only audits that vary the date or the order of directories need it",
            )
        )
    if code in REFUSED:
        found.append(
            (
                "a container's seccomp profile or a security module forbids it",
                "start the container with --security-opt seccomp=unconfined "
                "--security-opt apparmor=unconfined",
            )
        )
    return found


UNSHARE = "making the namespaces"
"""The step that a kernel without user namespaces refuses."""
DESCRIPTORS = "opening the builder's descriptors"
"""The step that needs numbers of descriptors above a hundred."""

MOUNT = "mounting "
"""The beginning of steps that a path follows."""

INPUT = "mounting the input "
"""The step that fails when an input is missing since it was looked at; the input's name follows."""

TRACE = "tracing the builder"
"""The step that a kernel without ptrace(2) refuses."""
