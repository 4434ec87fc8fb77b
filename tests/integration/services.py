"""Units of the documentation, run as systemd would: with their environment and their user."""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
import sys
from pathlib import Path

from tests.integration.conftest import TOP
from tests.pages import Unit

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The path of commands that systemd gives a service."""


def install(folder: Path, python: str = sys.executable, path: str = str(TOP)) -> Path:
    """Write a program ``store`` into a folder, which needs nothing of its environment; returns the
    folder."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "store"
    words = ["env", f"PYTHONPATH={path}", "PYTHONDONTWRITEBYTECODE=1", python, "-m", "store"]
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    program.chmod(0o755)
    return folder


def environment(unit: Unit, home: Path, user: str) -> dict[str, str]:
    """Return what its commands find in their environment."""
    login = {"USER": user, "LOGNAME": user, "SHELL": "/bin/sh"}
    # The folder of its program takes the place of one of the path's.
    path = f"{Path(unit.commands()[0][0]).parent}:{PATH}"
    return {"PATH": path, "LANG": "C.UTF-8", **login, **at_home(home), **unit.environment}


def at_home(home: Path) -> dict[str, str]:
    """Return the variables of a user's places. The store of root would be the machine's."""
    return {"HOME": str(home), "STORE_ROOT": str(home / ".local" / "share" / "fixpoint")}


def run(
    unit: Unit,
    home: Path,
    *,
    user: pwd.struct_passwd | None = None,
    folder: Path = Path("/"),
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run the commands of a unit in a folder, each after the one before has succeeded; returns the
    last one that ran. Its user is this process's, or ``user``."""
    assert unit.settings["Type"] == ["oneshot"]
    for words in unit.commands():
        done = subprocess.run(
            words,
            env=environment(unit, home, "other" if user is None else user.pw_name),
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else [],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            break
    return done


def begin(unit: Unit, home: Path, log: Path, *, writes: Path) -> subprocess.Popen[bytes]:
    """Begin a service, which stays, and has one command after those that come first. Its output
    goes to ``log``. As root it sees as much of the file system read-only as the unit says; its
    folders are below ``writes``."""
    variables = environment(unit, home, "other")
    with log.open("ab") as into:
        for words in unit.commands("ExecStartPre"):
            subprocess.run(words, check=True, stdout=into, stderr=into, env=variables, cwd="/")
        (words,) = unit.commands()
        return subprocess.Popen(
            [*_protection(unit, writes), *words],
            env=variables,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=into,
            stderr=into,
            start_new_session=True,
        )


def _protection(unit: Unit, writes: Path) -> list[str]:
    """Return the words before a command by which it gets the file system of its unit."""
    if unit.settings.get("ProtectSystem") != ["strict"] or os.geteuid() != 0:
        return []
    temporary = "rw" if unit.settings.get("PrivateTmp") == ["yes"] else "ro"
    lines = [
        "set -e",
        "mount --make-rprivate /",
        *(
            line
            for place, how in (("/tmp", temporary), (str(writes), "rw"))
            for line in (f"mount --bind {place} {place}", f"mount -o remount,bind,{how} {place}")
        ),
        "mount -o remount,bind,ro /",
        'exec "$@"',
    ]
    return ["unshare", "--mount", "sh", "-c", "\n".join(lines), "sh"]
