"""Try a farm for real: PostgreSQL, BuildGrid, two workers, one of them killed; `--help` says more.

It needs PostgreSQL's programs (Debian's package ``postgresql``). BuildGrid is installed by pip into
a virtual environment of its own, once. All runs as processes of this one, in one folder.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path

from scripts.ending import checked_output

TOP = Path(__file__).resolve().parents[1]
BUILDGRID = ("buildgrid==0.4.4", "psycopg2-binary")
TOYS = TOP / "tests" / "recipes" / "toys"
LADDER = tuple(f"tcc{number}.tcc" for number in range(3))
BUILT = ("hello", "itself", "pair", "downstream", "slow")


def main() -> None:
    """Run the trial."""
    parser = argparse.ArgumentParser(description=__doc__, prog="farm-trial")
    parser.add_argument("--folder", type=Path, help="keep all in this folder (default: temporary)")
    parser.add_argument("--environment", type=Path, default=TOP / ".venv" / "buildgrid-0.4.4")
    parser.add_argument("--ladder", action="store_true", help="build the tcc ladder, too")
    options = parser.parse_args()
    bgd = buildgrid(options.environment)
    with contextlib.ExitStack() as stack:
        place = options.folder
        if place is None:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="farm")))
        place.mkdir(parents=True, exist_ok=True)
        os.chmod(place, 0o755)
        database = stack.enter_context(postgresql(place))
        url = stack.enter_context(server(bgd, place, database))
        Trial(place, url, stack).run(ladder=options.ladder)


def buildgrid(environment: Path) -> str:
    """Return BuildGrid's program; it is installed if it is not there."""
    program = environment / "bin" / "bgd"
    if not program.exists():
        venv.create(environment, with_pip=True)
        command = [str(environment / "bin" / "python"), "-m", "pip", "install", "-q", *BUILDGRID]
        subprocess.run(command, check=True)
    return str(program)


@contextlib.contextmanager
def postgresql(place: Path) -> Iterator[str]:
    """Have a cluster of our own, on a Unix socket; gives the URL of its database. It refuses root,
    for which the user ``postgres`` takes its place."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        sys.exit("farm-trial: there is no PostgreSQL: install the package postgresql")
    programs = found[-1].parent
    user = pwd.getpwnam("postgres").pw_name if os.geteuid() == 0 else None
    folder, sockets = place / "database", Path(tempfile.mkdtemp(prefix="pg"))
    if user is not None:
        folder.mkdir(exist_ok=True)
        shutil.chown(folder, user)
        shutil.chown(sockets, user)
    command = [str(programs / "initdb"), f"-D{folder}", "-U", "farm", "-A", "trust"]
    subprocess.run(command, check=True, user=user, stdout=subprocess.DEVNULL, cwd="/")
    settings = ["-k", str(sockets), "-c", "listen_addresses=", "-c", "fsync=off"]
    with (place / "database.log").open("wb") as log:
        process = subprocess.Popen(
            [str(programs / "postgres"), f"-D{folder}", *settings],
            user=user,
            stdout=log,
            stderr=log,
            cwd="/",
        )
    try:
        create = ["createdb", "-h", str(sockets), "-U", "farm", "farm"]
        until(lambda: not subprocess.run(create, capture_output=True, check=False).returncode, 30)
        yield f"postgresql+psycopg2://farm@/farm?host={sockets}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
        shutil.rmtree(sockets, ignore_errors=True)


@contextlib.contextmanager
def server(bgd: str, place: Path, database: str) -> Iterator[str]:
    """Have a BuildGrid, with the settings of docs/farm.md; gives its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    page = (TOP / "docs" / "farm.md").read_text()
    (settings,) = re.findall(r"```yaml\n# /etc/buildgrid.*?\n(.*?)```", page, re.DOTALL)
    settings = settings.replace("/var/lib/buildgrid/cas", str(place / "cas"))
    settings = settings.replace("127.0.0.1:50051", f"127.0.0.1:{port}")
    settings = re.sub(r"postgresql[^\"]*", database, settings)
    (place / "buildgrid.yml").write_text(settings)
    (place / "cas").mkdir(exist_ok=True)
    with (place / "buildgrid.log").open("wb") as log:
        subprocess.run([bgd, "migrate", "apply", database], check=True, stdout=log, stderr=log)
        command = [bgd, "server", "start", str(place / "buildgrid.yml")]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until(lambda: answers(port), 60)
        yield f"grpc://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    """Return whether something listens at a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(true: object, seconds: float) -> None:
    """Wait until a call returns true."""
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it does not begin"
        time.sleep(0.2)


class Trial:
    """Two workers, a client, and a store that builds the same by itself."""

    def __init__(self, place: Path, url: str, stack: contextlib.ExitStack) -> None:
        self.place = place
        self.url = url
        self.stack = stack
        self.on = ("--on", url, "--remote-sandbox", "worker")

    def command(self, root: str, *words: str, recipes: Path = TOYS) -> list[str]:
        """The command line of ``store`` with a root of the trial."""
        top = [sys.executable, "-m", "store", "--root", str(self.place / root)]
        return [*top, "--recipes", str(recipes), *words]

    def environment(self, user: str) -> dict[str, str]:
        """The environment of one of the users, each with keys of its own."""
        config = str(self.place / "config" / user)
        return {**os.environ, "PYTHONPATH": str(TOP), "XDG_CONFIG_HOME": config}

    def store(self, root: str, *words: str, user: str = "client", recipes: Path = TOYS) -> str:
        """Run a command that has to succeed; its output."""
        done = subprocess.run(
            self.command(root, *words, recipes=recipes),
            env=self.environment(user),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"farm-trial: store {' '.join(words)}: {done.stderr}")
        return done.stdout.strip()

    def worker(self, name: str) -> subprocess.Popen[bytes]:
        """Begin a worker; its messages are in a file of its name."""
        with (self.place / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                self.command(name, "worker", self.url), env=self.environment("worker"), stderr=log
            )
        self.stack.callback(process.wait)
        self.stack.callback(process.terminate)
        return process

    def says(self, worker: str, words: str) -> bool:
        """Return whether a worker has written this."""
        return words in (self.place / f"{worker}.log").read_text()

    def run(self, *, ladder: bool) -> None:
        """Build by workers and here, and compare."""
        self.store("first", "key", "new", "farm", user="worker")
        key = self.place / "config" / "worker" / "fixpoint" / "keys" / "farm.pub"
        self.store("client", "key", "trust", str(key))
        for root in ("client", "alone"):
            self.store(root, "realise", "userland")
        self.toys()
        self.killed("slow", TOYS)
        if ladder:
            self.ladder()
        for process in [self.worker("first"), self.worker("second")]:
            assert process.poll() is None
        print("all paths are those of builds here")

    def toys(self) -> None:
        """Build toys by one worker."""
        worker = self.worker("first")
        for name in BUILT[:-1]:
            began = time.monotonic()
            found = self.store("client", "realise", name, *self.on)
            seconds = time.monotonic() - began
            assert found == self.store("alone", "realise", name), name
            print(f"{name}: {seconds:.1f} s by a worker", flush=True)
        worker.terminate()
        worker.wait()

    def killed(self, name: str, recipes: Path) -> None:
        """Kill the worker that builds the package: the other one builds it."""
        workers = {each: self.worker(each) for each in ("first", "second")}
        began = time.monotonic()
        client = subprocess.Popen(
            self.command("client", "realise", name, *self.on, recipes=recipes),
            env=self.environment("client"),
            stdout=subprocess.DEVNULL,
        )
        until(lambda: any(self.says(each, f"builds {name}") for each in workers), 60)
        victim = next(each for each in workers if self.says(each, f"builds {name}"))
        workers[victim].kill()
        if client.wait():
            sys.exit("farm-trial: the build failed after its worker was killed")
        seconds = time.monotonic() - began
        print(f"{name}: {seconds:.1f} s by two workers, one of them killed", flush=True)
        for process in workers.values():
            process.terminate()
            process.wait()

    def ladder(self) -> None:
        """Build the tcc ladder, and kill a worker while it builds the first tcc."""
        recipes = TOP / "derivations"
        workers = {each: self.worker(each) for each in ("first", "second")}
        for each in workers:
            (self.place / f"{each}.log").write_text("")
        words = ("realise", "--seed", "debian", *LADDER)
        began = time.monotonic()
        client = subprocess.Popen(
            self.command("client", *words, *self.on, recipes=recipes),
            env=self.environment("client"),
            stdout=subprocess.PIPE,
            text=True,
        )
        until(lambda: any(self.says(each, "builds tcc") for each in workers), 900)
        victim = next(each for each in workers if self.says(each, "builds tcc"))
        workers[victim].kill()
        found = client.communicate()[0].split()
        seconds = time.monotonic() - began
        here = self.store("alone", *words, recipes=recipes).split()
        assert found == here, f"{found} are not {here}"
        print(f"the tcc ladder: {seconds:.0f} s by two workers, one of them killed", *found)
        for process in workers.values():
            process.terminate()
            process.wait()


if __name__ == "__main__":
    with checked_output():
        main()
