"""Tries `store system upgrade` on a machine in the emulator: from a cache, with another kernel.

The host has two states of the project, and a cache with the systems of both, which it serves on
loopback. The machine starts with the first, fetches what the second has in addition, reboots into
it and its kernel, and goes back. Nothing is built there.

Each state has its own engine, as a checkout has: recipes outside ``derivations`` take its kit from
the engine that reads them.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tarfile
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import click

from scripts import smoke
from scripts.benchmark.web import Served, serving
from scripts.boot import (
    INITRAMFS,
    KERNEL,
    Built,
    Machine,
    accelerated,
    memory_option,
    refuse_without_qemu,
)
from scripts.boot_trial import Console, Failed, expect, ready, start
from scripts.ending import run_script
from scripts.site_clients import command
from scripts.site_trial import CHECKOUT, ended, new_disk
from scripts.system_trial import came_up, page
from store import Session
from store.layout.paths import default_root, default_seed
from store.model.project_archive import PARTS

NAME = "upgraded"
"""The system of this trial: it stands in the two copies of the recipes alone."""

PACKAGE = f"system.{NAME}"
ENGINE = "import sys; sys.path.insert(0, sys.argv.pop(1)); from store.__main__ import run; run()"
"""Runs `store` of the folder that is the first argument."""

SYSTEM = """\
from derivations.kit import Network, Service, System, User

UPGRADED = System(
    name="upgraded",
    description="A machine that is upgraded",
    kernel="linux",
    packages=({packages},),
    users=(User(name="www", number=80),),
    services=(
        Service(
            name="web", run=("exec httpd -f -p 8080 -h /share/page",), user="www", ports=(8080,)
        ),
    ),
    files=(("share/page/index.html", "{text}\\n"),),
    network=Network(),
)
"""
PACKAGES = '"e2fsprogs", "fixpoint"'
NEW_PACKAGE = "tree"

SMALL = "\n\nfrom smoke.python import SMALL\n\nSTAND_INS |= SMALL\n"
"""The end of ``smoke/stages.py`` in both states: a Python of which nothing is built."""

STOOD_IN = "\n\nLINUX = OTHER_LINUX\n"
"""The end of ``smoke/kernel.py`` in the second state: another one of Debian's kernels."""

OWN = """

_OTHER = LINUX.files[0][1].replace('CONFIG_LOCALVERSION=""', 'CONFIG_LOCALVERSION="-other"')
LINUX = replace(LINUX, files=(("kernel.config", _OTHER),))
"""
"""The same of our own kernel's recipe; it takes a quarter of an hour to build, once."""

PATIENT = {"STORE_EVALUATION_TIMEOUT": "10m"}
"""For `store` on both sides: an evaluation that is emulated, on a busy machine, takes minutes."""

HOST = "10.0.2.2"
"""The host's loopback, as the machine sees it."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """All that the host has: the first system, the kernel of the second one, and what it serves."""

    first: Built
    second: Built
    served: Served
    key: str
    recipes: str

    @property
    def cache(self) -> str:
        """The cache's URL inside the machine."""
        return f"http://{HOST}:{self.served.port}/cache"


def write_state(folder: Path, number: int, *, stand_ins: bool, kernel: bool) -> Path:
    """Write a state of the project, with the system of the trial in it, and an archive of both;
    returns its folder. The first is the checkout's own."""
    top = folder / f"recipes-{number}"
    top.mkdir()
    for part in (*PARTS, *(["smoke"] if stand_ins else [])):
        source = CHECKOUT / part
        if source.is_dir():
            shutil.copytree(source, top / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, top / part)
    packages = PACKAGES if number == 1 else f'{PACKAGES}, "{NEW_PACKAGE}"'
    text = SYSTEM.format(packages=packages, text="one" if number == 1 else "two")
    (top / "derivations" / "systems" / f"{NAME}.py").write_text(text)
    if stand_ins:
        _append(top / "smoke" / "stages.py", SMALL)
    if number > 1 and kernel:
        recipe = "smoke/kernel.py" if stand_ins else "derivations/system/linux.py"
        _append(top / recipe, STOOD_IN if stand_ins else OWN)
    with tarfile.open(folder / f"recipes-{number}.tar", "w") as archive:
        archive.add(top, arcname=".")
    return top


def _append(path: Path, text: str) -> None:
    with path.open("a") as stream:
        stream.write(text)


@dataclass(frozen=True)
class State:
    """A state of the project: its folder, the name of its recipes' folder, and the store."""

    top: Path
    recipes: str
    root: str
    config: Path

    def store(self, *words: str | Path) -> str:
        """Return the output of `store` with these arguments, run by the engine of this state."""
        engine = (sys.executable, "-I", "-c", ENGINE, self.top)
        where = ("--root", self.root, "--recipes", self.top / self.recipes)
        return command(*engine, *where, *words, XDG_CONFIG_HOME=str(self.config), **PATIENT)

    def built(self) -> Built:
        """Build the system and its disk, and return where they are."""
        system = _path(self.store("realise", PACKAGE))
        disk = _path(self.store("image", "disk", PACKAGE))
        with Session(self.root, str(self.top / self.recipes)) as session:
            kernel = os.readlink(f"{session.path(session.object(system))}/{KERNEL}")
            chosen = session.object(kernel.removesuffix(f"/{KERNEL}"))
            folder = Path(session.path(chosen))
            initramfs = folder / INITRAMFS
            return Built(
                kernel=folder / KERNEL,
                initramfs=initramfs if initramfs.exists() else None,
                disk=Path(session.path(session.object(disk))),
                kernel_name=kernel,
            )

    def push(self, cache: Path) -> None:
        """Put the system into a cache, and print what that says."""
        print(self.store("push", "--to", cache, PACKAGE).strip()[-300:], flush=True)


def _path(said: str) -> str:
    """Return the path that a command printed last."""
    found = re.findall(r"^/store/\S+$", said, re.MULTILINE)
    if not found:
        raise Failed(f"no path is in\n{said}")
    return str(found[-1])


class Fetching:
    """The bytes that the machine has from the host."""

    def __init__(self, served: Served) -> None:
        self._served = served

    def report(self, what: str) -> int:
        """Print the bytes since the last report, and return them."""
        sent = self._served.sent()
        print(f"    {what}: {sent / 1024:.0f} KiB from the host", flush=True)
        return sent


def take_recipes(console: Console, prepared: Prepared, number: int) -> None:
    """Bring a state of the recipes into the machine, in the place of the former one."""
    url = f"http://{HOST}:{prepared.served.port}/recipes-{number}.tar"
    console.run("rm -rf /var/recipes && mkdir /var/recipes && hash -r")
    expect(
        f"recipes {number}",
        console.run(f"wget -q -O - {url} | tar -x -C /var/recipes -f - && ls /var/recipes"),
        "derivations",
    )


def settle(console: Console, prepared: Prepared) -> None:
    """Let a shell of the machine use the cache, and the recipes that are brought there."""
    alike = {"STORE_CACHES": prepared.cache, "STORE_SEED": default_seed()}
    for name, value in (PATIENT | alike).items():
        console.run(f"export {name}={value}")
    console.run(f"export STORE_RECIPES=/var/recipes/{prepared.recipes}")
    # The machine's own `store`, but for the folder of its engine: that of the state.
    console.run("sed \"s|'/store/[^']*/lib/fixpoint'|'/var/recipes'|\" /bin/store > /var/store")
    expect("engine", console.run("chmod 755 /var/store && cat /var/store"), "'/var/recipes'")


def booted(console: Console) -> str:
    """Return the name of this start of the machine, which each kernel makes anew."""
    return console.run("cat /proc/sys/kernel/random/boot_id").strip()


def expect_state(console: Console, number: int, built: Built, text: str) -> None:
    """Find a generation running, with its kernel and its service; Failed otherwise."""
    expect("generation", console.run("cat /run/fixpoint/generation"), rf"\A{number}\n\Z")
    expect("kernel", console.run("cat /run/fixpoint/kernel"), re.escape(built.kernel_name))
    expect("the kernel itself", console.run("uname -rv"), re.escape(release(built.kernel)))
    expect("page", page(console, 8080), rf"\A{text}\n\Z")


def release(kernel: Path) -> str:
    """Return the release of the kernel in a file, such as 6.12.107."""
    data = kernel.read_bytes()
    # The kernel's own header says where the text is: Documentation/arch/x86/boot.rst.
    at = int.from_bytes(data[0x20E:0x210], "little") + 0x200
    return data[at : data.index(b" ", at)].decode()


def reboot(console: Console) -> None:
    """Reboot by `reboot`, and find the machine up again without the emulator's help."""
    before = booted(console)
    console.enter("reboot")
    console.wait_for("init: the kernel of generation")
    ready(console)
    if booted(console) == before:
        raise Failed("no other kernel started")


def upgrade(console: Console, prepared: Prepared) -> None:
    """Begin with the first state as a generation, and upgrade to the second."""
    fetched = Fetching(prepared.served)
    take_recipes(console, prepared, 1)
    settle(console, prepared)
    expect("trust", console.run(f"/var/store key trust '{prepared.key}' 2>&1; echo =$?"), "=0")
    fetched.report("the recipes")
    said = console.run(f"/var/store system switch --cache-only {NAME} 2>&1")
    expect("switch", said, "generation 1 runs")
    whole = prepared.first.disk.stat().st_size
    if (sent := fetched.report("the system that the image has, too")) > whole // 100:
        raise Failed(f"{sent} bytes were fetched of a system that is there")
    expect("page", page(console, 8080), r"\Aone\n\Z")
    take_recipes(console, prepared, 2)
    fetched.report("the recipes")
    said = console.run("/var/store system upgrade --cache-only --dry-run 2>&1")
    print("".join(f"    {line}\n" for line in said.splitlines()), end="")
    expect("dry run", said, rf"system\.{NAME}: from caches")
    expect("nothing changed", console.run("store system list 2>&1"), "generation 1 runs")
    fetched.report("the dry run")
    said = console.run("/var/store system upgrade --cache-only 2>&1")
    print("".join(f"    {line}\n" for line in said.splitlines()[-12:]), end="")
    expect("upgrade", said, "generation 2 runs")
    fetched.report("the difference")
    expect("package", console.run(f"{NEW_PACKAGE} --version"), NEW_PACKAGE)
    expect("page", page(console, 8080), r"\Atwo\n\Z")
    if prepared.first.kernel_name != prepared.second.kernel_name:
        expect("kernel", said, "starts with `reboot`")
        expect("kernel", console.run("cat /run/fixpoint/kernel"), prepared.first.kernel_name)


def broken_kernel(console: Console) -> str:
    """Choose a system whose kernel finds no root and ends; returns its path."""
    kernel = "/var/t/linux-broken/boot"
    for line in (
        f"mkdir -p {kernel} && cd {kernel} && cp /run/image/boot/bzImage .",
        "echo nothing > init && echo init | cpio -o -H newc > initramfs && rm init",
        "store add /var/t/linux-broken > /run/path",
        "mkdir /var/t/system-broken && cd /run/image",
        "cp -a bin boot etc init share usr /var/t/system-broken/ && cd /var/t/system-broken",
        'rm boot/bzImage && ln -s "$(cat /run/path)/boot/bzImage" boot/bzImage && cd',
        "store add /var/t/system-broken > /run/path",
    ):
        console.run(line)
    found = re.search(r"/store/\S+", console.run("cat /run/path"))
    if found is None:
        raise Failed("no system was made")
    said = console.run(f"store system boot {found[0]} 2>&1")
    expect("a kernel that fails", said, "starts with `reboot`")
    return found[0]


def trial_of_kernels(machine: Machine, prepared: Prepared) -> None:
    """Start the second kernel from the first one, at a reboot and from cold; then one that fails;
    then have the machine be given its kernel."""
    first, second = prepared.first, prepared.second
    with start(machine) as console:
        expect_state(console, 2, second, "two")
        print("a cold start: the machine was given the first kernel, and the second one runs")
        expect("rollback", console.run("store system rollback 2>&1"), "starts with `reboot`")
        reboot(console)
        expect_state(console, 1, first, "one")
        came_up(console, 1)
        broken_kernel(console)
        console.enter("reboot")
        console.wait_for("Kernel panic")
    with Console(machine) as console:
        console.wait_for("Kernel panic")
    with start(machine) as console:
        expect_state(console, 1, first, "one")
        print("a kernel that fails twice is passed over")
        console.run("echo 1 > /proc/sys/kernel/kexec_load_disabled")
        said = console.run("store system rollback 2 2>&1")
        expect("no way", said, "waits for a cold start: the running kernel forbids it")
        expect("no way", said, "scripts/boot SYSTEM --kernel /store/")
        ended(console)
    words = f"fixpoint.kernel={second.kernel_name}"
    given = replace(machine, kernel=second.kernel, initramfs=second.initramfs, words=words)
    with start(given) as console:
        expect_state(console, 2, second, "two")
        ended(console)


def trial(machine: Machine, prepared: Prepared) -> None:
    """Do all steps."""
    other = prepared.first.kernel_name != prepared.second.kernel_name
    with start(machine) as console:
        upgrade(console, prepared)
        if other:
            reboot(console)
            expect_state(console, 2, prepared.second, "two")
            came_up(console, 2)
            print("the plug is pulled")
        else:
            expect("rollback", console.run("store system rollback 2>&1"), "generation 1 runs")
            expect("page", page(console, 8080), r"\Aone\n\Z")
            ended(console)
    if other:
        trial_of_kernels(machine, prepared)


def prepare(folder: Path, served: Served, root: str, *, stand_ins: bool, kernel: bool) -> Prepared:
    """Build both systems, and put them into the cache that is served."""
    recipes = "smoke" if stand_ins else "derivations"
    states = [
        State(
            write_state(folder, number, stand_ins=stand_ins, kernel=kernel),
            recipes,
            root,
            folder / "config",
        )
        for number in (1, 2)
    ]
    built = [each.built() for each in states]
    key = states[0].store("key", "new", "trial").strip().splitlines()[-1]
    for each in states:
        each.push(folder / "cache")
    return Prepared(first=built[0], second=built[1], served=served, key=key, recipes=recipes)


@click.command()
@click.option("--root", help="The store's root, as for `store`.")
@click.option("--stand-ins", is_flag=True, help="Take what is to be had in minutes: smoke/.")
@click.option("--kernel/--no-kernel", default=True, help="Upgrade the kernel, too.")
@memory_option(512)
def main(root: str | None, stand_ins: bool, kernel: bool, memory: int) -> None:
    """Try `store system upgrade` from a cache on this host: service, package and kernel; a reboot
    into them, a pulled plug, a kernel that fails, and the way back."""
    refuse_without_qemu()
    root = os.path.abspath(root or (smoke.default_root() if stand_ins else default_root()))
    if stand_ins:
        print(f"{smoke.STAND_IN}, and Debian's kernels and Python for ours", flush=True)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        with serving(name) as served:
            prepared = prepare(folder, served, root, stand_ins=stand_ins, kernel=kernel)
            data = folder / "data.img"
            new_disk(data)
            machine = Machine(
                kernel=prepared.first.kernel,
                initramfs=prepared.first.initramfs,
                disk=prepared.first.disk,
                data=data,
                memory=memory,
                accelerated=accelerated(),
            )
            trial(machine, prepared)
    print("all as it must be")


if __name__ == "__main__":
    run_script(main)
