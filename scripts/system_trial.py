"""Tries `store system` on a machine in the emulator: switching, a pulled plug, a system that fails.

All is done at the machine's console. The other systems are made there, from the image's own, so
that no compiler and no cache is needed.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from pathlib import Path

import click

from scripts.boot import Machine, accelerated, memory_option, places, refuse_without_qemu
from scripts.boot_trial import Console, Failed, expect, start
from scripts.ending import run_script

MOMENTS = (0.5, 1.5, 3.0)
"""Seconds after a switch began at which the plug is pulled."""

GROUP = "/sys/fs/cgroup/service.web"
SERVICE = (
    "#!/bin/sh\\nexport PATH=/bin\\n"
    f"mkdir -p {GROUP}\\necho $$ > {GROUP}/cgroup.procs\\n"
    "exec httpd -f -p 80 -h /share/page\\n"
)
BROKEN = "#!/bin/sh\\nexit 1\\n"


def made(console: Console, name: str, *changes: str) -> str:
    """Make a system from the image's own, with some changes; returns its path in the store."""
    lines = [
        f"rm -rf /var/t && mkdir -p /var/t/{name} && cd /run/image",
        f"cp -a bin boot etc init share usr /var/t/{name}/ && cd /var/t/{name}",
        *changes,
        f"cd && store add /var/t/{name} > /run/path",
    ]
    for line in lines:
        console.run(line)
    found = re.search(r"/store/\S+", console.run("cat /run/path"))
    if found is None:
        raise Failed(f"no system {name} was made")
    return found[0]


def with_page(text: str) -> tuple[str, ...]:
    """Return the changes for a service that shows a page."""
    return (
        "mkdir -p share/page etc/sv/web",
        f"echo {text} > share/page/index.html",
        f"printf '{SERVICE}' > etc/sv/web/run && chmod 755 etc/sv/web/run",
        # Its own: that of another service would end that one's processes.
        "sed s/network/web/g etc/sv/network/finish > etc/sv/web/finish",
        "chmod 755 etc/sv/web/finish",
    )


def page(console: Console, port: int = 80) -> str:
    """Return the page that the service shows; a new one begins within five seconds."""
    get = f"wget -q -O - http://127.0.0.1:{port}/index.html 2> /dev/null"
    return console.run(f"sleep 1; for i in 1 2 3 4 5 6 7; do {get} && break; sleep 1; done")


def generation(console: Console) -> int:
    """Return the number of the running generation."""
    return int(console.run("cat /run/fixpoint/generation"))


def switched(console: Console, command: str) -> None:
    """Run a command that changes the running system, and print how long it took."""
    began = time.monotonic()
    said = console.run(f"{command} 2>&1")
    expect(command.partition(" /")[0], said, r"generation \d+ runs|own system runs")
    print(f"    in {time.monotonic() - began:.1f} s, of it {activation(console)} s of activation")


def activation(console: Console) -> str:
    """Return the seconds that activating the running system takes, with nothing to change."""
    line = "time -f %e sh -c '$(cat /run/fixpoint/system)/etc/runit/services' 2>&1 | tail -n 1"
    return console.run(line).strip()


def trial(machine: Machine) -> None:
    """Do all steps."""
    with start(machine) as console:
        one = made(console, "system-one", *with_page("one"))
        two = made(console, "system-two", *with_page("two"))
        broken = made(console, "system-broken", f"printf '{BROKEN}' > etc/runit/begin")
        switched(console, f"store system switch {one}")
        expect("page", page(console), r"\Aone\n\Z")
        switched(console, f"store system switch {two}")
        expect("page", page(console), r"\Atwo\n\Z")
        switched(console, "store system rollback")
        expect("page", page(console), r"\Aone\n\Z")
        expect("list", console.run("store system list 2>&1"), r"(?s)\*    1 .*generation 1 runs")
        expect("verify", console.run("store verify 2>&1"), "0 findings")
    for moment in MOMENTS:
        with start(machine) as console:
            before = generation(console)
            target = two if before == 1 else one
            console.enter(f"store system switch {target}")
            time.sleep(moment)
            print(f"the plug is pulled {moment} s after a switch from generation {before}")
        with start(machine) as console:
            now = generation(console)
            expect("page", page(console), rf"\A{'one' if now % 2 else 'two'}\n\Z")
            expect("list", console.run("store system list 2>&1"), f"generation {now} runs")
            came_up(console, now)
    falls_back(machine, broken)


def came_up(console: Console, number: int) -> None:
    """Wait until the machine has noted that a generation came up."""
    console.run(f"until grep -qx {number} /var/lib/system/up; do sleep 1; done; sync")


def falls_back(machine: Machine, broken: str) -> None:
    """Choose a system that does not come up, twice, and find the one before it running."""
    with start(machine) as console:
        before = generation(console)
        expect("boot", console.run(f"store system boot {broken} 2>&1"), "runs from the next start")
        console.run("sync")
    for _ in range(2):
        with Console(machine) as console:
            console.wait_for("Attempted to kill init")
    with start(machine) as console:
        if generation(console) != before:
            raise Failed(f"generation {generation(console)} runs, and not {before}")
        print(f"  a system that did not come up: generation {before} runs")
        console.run("store system rollback 1; store system rollback")
        expect("image", console.run("cat /run/fixpoint/generation"), r"\A0\n\Z")
        status = console.power_off()
        if status:
            raise Failed(f"the emulator ended with {status}")


@click.command()
@click.argument("system", default="workshop")
@click.option("--root", help="The store's root, as for `store`.")
@memory_option(512)
def main(system: str, root: str | None, memory: int) -> None:
    """Try `store system` on SYSTEM, which has the store in it."""
    refuse_without_qemu()
    built = places(f"system.{system}", root, None)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.img"
        data.touch()
        os.truncate(data, 1 << 30)
        trial(
            Machine(
                kernel=built.kernel,
                initramfs=built.initramfs,
                disk=built.disk,
                data=data,
                memory=memory,
                accelerated=accelerated(),
            )
        )
    print("all as it must be")


if __name__ == "__main__":
    run_script(main)
