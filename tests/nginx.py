"""nginx, as Debian has it: the machine's own, or out of Debian's package.

The packages are downloaded once, by apt and its configuration, into the folder of the environments.
"""

from __future__ import annotations

import fcntl
import grp
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PLACE = Path(sys.prefix).parent / "nginx"
PACKAGES = ("nginx", "libpcre2-8-0")


def program() -> tuple[str, dict[str, str]]:
    """Return nginx, and the environment that it needs; the test is skipped where there is none, or
    fails if $NGINX_REQUIRED is set."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found:
        return found, {}
    PLACE.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{PLACE}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side
        if not PLACE.exists():
            with suppress(OSError, subprocess.CalledProcessError):
                _download()
    libraries = next(PLACE.glob("usr/lib/*-linux-gnu"), PLACE)
    environment = {"LD_LIBRARY_PATH": str(libraries)}
    command = str(PLACE / "usr" / "sbin" / "nginx")
    if _runs(command, environment):
        return command, environment
    missing = "nginx is not installed (Debian: nginx), and cannot be downloaded by apt-get"
    if os.environ.get("NGINX_REQUIRED"):
        pytest.fail(missing)
    pytest.skip(missing)


def _download() -> None:
    with tempfile.TemporaryDirectory(dir=PLACE.parent) as folder:
        command = ["apt-get", "download", "-qq", *PACKAGES]
        subprocess.run(command, check=True, cwd=folder, stdout=sys.stderr)
        for package in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package), f"{folder}/out"], check=True)
        Path(f"{folder}/out").rename(PLACE)


def _runs(command: str, environment: dict[str, str]) -> bool:
    try:
        done = subprocess.run(
            [command, "-v"], env=os.environ | environment, check=False, capture_output=True
        )
    except OSError:
        return False
    return done.returncode == 0


def worker() -> pwd.struct_passwd:
    """The user that serves: under root it is ``www-data``, or nobody where that is not known."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    with suppress(KeyError):
        return pwd.getpwnam("www-data")
    return pwd.getpwuid(65534)


def free_port() -> int:
    """Return a port of loopback at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path, server: str, port: int) -> Iterator[None]:
    """Have an nginx with one ``server`` block, which listens at a port of loopback. Its messages
    are in ``folder/error.log``."""
    folder.mkdir(parents=True, exist_ok=True)
    user = worker()
    group = grp.getgrgid(user.pw_gid).gr_name
    kinds = ("fastcgi", "proxy", "scgi", "uwsgi")
    lines = [
        f"user {user.pw_name} {group};" if os.geteuid() == 0 else "",
        "daemon off;",
        "worker_processes 2;",
        f"pid {folder}/pid;",
        "events {}",
        "http {",
        "access_log off;",
        *(f"{kind}_temp_path {folder}/{kind};" for kind in kinds),
        server,
        "}",
    ]
    (folder / "nginx.conf").write_text("\n".join(lines))
    command, environment = program()
    log = folder / "error.log"
    process = subprocess.Popen(
        [command, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(log)],
        env=os.environ | environment,
    )
    try:
        end = time.monotonic() + 20
        while not _answers(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
