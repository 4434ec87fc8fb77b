"""A refusal of the kernel is reported with the setting that caused it."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from store.sandbox import diagnosis
from store.sandbox.diagnosis import DESCRIPTORS, TRACE, UNSHARE, diagnose


@pytest.mark.parametrize(
    ("step", "code", "settings", "named", "remedy"),
    [
        (DESCRIPTORS, errno.EINVAL, {}, "open files", "ulimit -n 256"),
        (UNSHARE, errno.EAGAIN, {}, "as many processes", "ulimit -u"),
        ("starting the builder", errno.EAGAIN, {}, "as many processes", "pids.max"),
        (
            UNSHARE,
            errno.ENOSPC,
            {"user.max_user_namespaces": "0"},
            "user.max_user_namespaces is 0",
            "sysctl -w user.max_user_namespaces",
        ),
        (
            UNSHARE,
            errno.EPERM,
            {"kernel.unprivileged_userns_clone": "0"},
            "kernel.unprivileged_userns_clone is 0",
            "sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        (
            "naming the host",
            errno.EPERM,
            {"kernel.apparmor_restrict_unprivileged_userns": "1"},
            "kernel.apparmor_restrict_unprivileged_userns is 1",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (UNSHARE, errno.EPERM, {}, "seccomp profile", "seccomp=unconfined"),
        (UNSHARE, errno.EINVAL, {}, "built without", "CONFIG_USER_NS"),
        ("mounting /proc", errno.EPERM, {}, "/proc are masked", "systempaths=unconfined"),
        ("mounting a new root", errno.EACCES, {}, "seccomp profile", "apparmor=unconfined"),
        (TRACE, errno.EPERM, {}, "seccomp profile", "seccomp=unconfined"),
        (
            TRACE,
            errno.EPERM,
            {"kernel.yama.ptrace_scope": "2"},
            "kernel.yama.ptrace_scope is 2",
            "sysctl -w kernel.yama.ptrace_scope=1",
        ),
        (
            TRACE,
            errno.EPERM,
            {"kernel.yama.ptrace_scope": "3"},
            "kernel.yama.ptrace_scope is 3",
            "until the next start",
        ),
        ("taking the store's mounts", errno.ENOSYS, {}, "too old", "Linux 5.2"),
    ],
)
def test_a_refusal_names_its_cause_and_a_remedy(
    step: str, code: int, settings: dict[str, str], named: str, remedy: str
) -> None:
    error = diagnose(step, code, settings.get)
    assert step in error.message
    assert named in error.message
    assert error.hint is not None
    assert remedy in error.hint


def test_settings_that_allow_are_not_blamed() -> None:
    settings = {
        "user.max_user_namespaces": "15000",
        "kernel.unprivileged_userns_clone": "1",
        "kernel.apparmor_restrict_unprivileged_userns": "0",
        "kernel.yama.ptrace_scope": "1",
    }
    assert "yama" not in diagnose(TRACE, errno.EPERM, settings.get).message
    error = diagnose("mounting /share", errno.ENOENT, settings.get)
    assert error.message.endswith("mounting /share: No such file or directory")
    assert error.hint is None


def test_a_chroot_is_named_where_only_root_could_build(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text("31 30 0:5 / /dev rw - devtmpfs dev rw\n32 30 0:6 / /proc rw - proc p rw\n")
    assert diagnosis.in_chroot(str(table))
    table.write_text("30 1 8:1 / / rw - ext4 /dev/vda rw\n31 30 0:6 / /proc rw - proc p rw\n")
    assert not diagnosis.in_chroot(str(table))
    assert not diagnosis.in_chroot(str(tmp_path / "missing"))
    monkeypatch.setattr(diagnosis, "in_chroot", lambda: True)
    error = diagnose(UNSHARE, errno.EPERM, lambda name: None)
    assert "this is a chroot" in error.message
    assert "run it as root" in (error.hint or "")


def test_a_missing_device_is_one_that_a_chroot_lacks() -> None:
    error = diagnose("mounting /dev/zero", errno.ENOENT, lambda name: None)
    assert "mount --rbind /dev DIR/dev" in (error.hint or "")
