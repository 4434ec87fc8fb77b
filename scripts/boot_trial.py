"""Tries a system in the emulator: starts it, pulls the plug, and starts it again.

Every step is done at the machine's console, as a person would; the first that fails ends the trial.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

import click

from scripts import smoke
from scripts.boot import Machine, accelerated, memory_option, places, refuse_without_qemu
from scripts.ending import run_script

PROMPT = "~ # "
STARTED = r"init: services begin ([0-9.]+) s"
NETWORK = r"network: \S+ after ([0-9.]+) s"
PATIENCE = 600.0
"""Seconds for a step on a busy machine."""

MARK = "; echo =$((1000 + 1))="
MARKED = "=1001="
"""The end of a command line, and what that prints when the line is done."""


class Failed(click.ClickException):
    """A step of the trial that did not come out as it must."""


class Console:
    """A running machine's serial console."""

    def __init__(self, machine: Machine) -> None:
        self._process = subprocess.Popen(
            machine.command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._keyboard, self._screen = self._process.stdin, self._process.stdout
        self.began = time.monotonic()
        self._text = ""
        self.shown = ""
        """All that the console has shown and a wait has read."""

    def __enter__(self) -> Console:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.pull_the_plug()

    def wait_for(self, pattern: str, patience: float = PATIENCE) -> re.Match[str]:
        """Return the match of a pattern in what the console shows; Failed if it does not come
        within so many seconds."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            found = re.search(pattern, self._text)
            if found:
                self._text = self._text[found.end() :]
                return found
            if select.select([self._screen], [], [], 1.0)[0]:
                data = os.read(self._screen.fileno(), 1 << 16)
                if not data:
                    break
                text = data.decode(errors="replace").replace("\r", "")
                self._text += text
                self.shown += text
        raise Failed(f"no {pattern!r} came; the console's last words:\n{self._text[-2000:]}")

    def enter(self, line: str) -> None:
        """Enter a line."""
        self._keyboard.write(f"{line}\n".encode())

    def run(self, line: str) -> str:
        """Return the output of a command line."""
        # The mark is made by the shell: the echo of the line, wrapped at 80, does not have it. The
        # terminal echoes it, too, where it comes before the shell reads.
        self.enter(f"{line}{MARK}")
        shown = self.wait_for(rf"(?s)(.*?){MARKED}\n")[1]
        return re.split(r"1\s?\)\s?\)\s?=\s?\n", shown)[-1]

    def power_off(self) -> int:
        """Power the machine off in order; returns the emulator's exit code."""
        self.enter("poweroff")
        self.wait_for("Power down")
        return self._process.wait(PATIENCE)

    def pull_the_plug(self) -> None:
        """End the machine at once, wherever it is."""
        self._process.kill()
        self._process.wait()


def expect(name: str, text: str, pattern: str) -> None:
    """Print that a step came out as expected; Failed where it did not."""
    if not re.search(pattern, text):
        raise Failed(f"{name}: {pattern!r} is not in\n{text}")
    print(f"  {name}: {text.strip().splitlines()[-1] if text.strip() else 'nothing'}", flush=True)


def start(machine: Machine, within: float = PATIENCE) -> Console:
    """Return the console of a machine that has started, and print how long that took; Failed where
    a shell was not there ``within`` so many seconds."""
    console = Console(machine)
    try:
        ready(console, within)
    except Failed:
        console.pull_the_plug()
        raise
    return console


def ready(console: Console, within: float = PATIENCE) -> None:
    """Wait until a machine that starts has a shell, and print how long that took. Failed where it
    was not there ``within`` so many seconds."""
    began = time.monotonic()
    inside = console.wait_for(STARTED)[1]
    login = time.monotonic() - began
    network = console.wait_for(NETWORK)[1]
    print(f"started: a shell after {login:.1f} s; of the kernel's time, the services begin after")
    print(f"  {inside} s, and the network is there after {network} s", flush=True)
    if login > within:
        raise Failed(f"that is more than {within:.0f} s")
    console.enter("")
    console.wait_for(PROMPT)
    # The echo of a line that is longer than the terminal is wide would be broken.
    console.enter("stty columns 1000")
    console.wait_for(PROMPT)


def trial(machine: Machine, within: float = PATIENCE) -> None:
    """Do all steps."""
    with start(machine, within) as console:
        expect("root", console.run("touch /bin/x 2>&1"), "Read-only file system")
        expect("data", console.run("grep ' /var ' /proc/mounts"), "ext4")
        expect("memory", console.run("free -m | sed -n 2p"), r"Mem: +\d+ +\d+")
        console.run("echo whole > /var/lib/kept; sync")
        print("the plug is pulled")
    with start(machine, within) as console:
        expect("journal", console.run("cat /run/e2fsck.log"), "recovering journal|clean")
        expect("kept", console.run("cat /var/lib/kept"), r"\Awhole\n\Z")
        # A process that the service began, and that nobody waits for.
        join = "echo $$ > /sys/fs/cgroup/service.network/cgroup.procs"
        console.run(f"sh -c '{join}; exec sleep 12345' & sleep 1")
        console.run("sv -w 10 stop /run/service/network")
        expect("service", console.run("sv status /run/service/network"), "down: ")
        expect("its processes", console.run("pgrep -f 'sleep 1234[5]'; echo =$?"), r"\A=1\n\Z")
        status = console.power_off()
        if status:
            raise Failed(f"the emulator ended with {status}")
        print("powered off")


@click.command()
@click.argument("system", default="minimal")
@click.option("--root", help="The store's root, as for `store`.")
@click.option("--recipes", help="The folder of recipes, as for `store`.")
@click.option(
    "--stand-ins", is_flag=True, help="Take what is to be had in minutes: smoke/ and its store."
)
@click.option(
    "--within",
    type=click.FloatRange(0, min_open=True),
    default=PATIENCE,
    metavar="SECONDS",
    help="Wait so long for a shell.",
)
@memory_option(256)
def main(
    system: str,
    root: str | None,
    recipes: str | None,
    stand_ins: bool,
    within: float,
    memory: int,
) -> None:
    """Try SYSTEM: start it, pull the plug, start it again, power it off."""
    refuse_without_qemu()
    if stand_ins:
        root, recipes = root or smoke.default_root(), recipes or smoke.RECIPES
        print(f"{smoke.STAND_IN}, and Debian's kernel for ours", flush=True)
    built = places(f"system.{system}", root, recipes)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.img"
        data.touch()
        os.truncate(data, 128 << 20)
        machine = Machine(
            kernel=built.kernel,
            initramfs=built.initramfs,
            disk=built.disk,
            data=data,
            memory=memory,
            accelerated=accelerated(),
        )
        trial(machine, within)


if __name__ == "__main__":
    run_script(main)
