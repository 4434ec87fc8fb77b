"""Builds packages anew inside a system of this distribution: no seed, no network, no other program
than those of the system and of the stage below.

The system is a chroot, or with ``--machine`` an emulated machine. A store is put there with the
supplies of ``scripts.supplies``; the system's own `store` builds stage 2 in it. Each object that
comes out is compared with that of stage 1 on the outside.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click

from scripts import chroot
from scripts.boot import Machine, accelerated, built, memory_option, refuse_without_qemu
from scripts.boot_trial import MARK, MARKED, Console, start
from scripts.ending import run_script
from scripts.supplies import base_set, rebuilt, supplies, supply, twin_of
from store import Session
from store.cli.draw import make_reporter
from store.errors import StoreError
from store.layout.paths import default_seed
from store.model.catalogue import SYSTEM
from store.model.image_request import ImageRequest
from store.operations.image_plan import plan_image
from store.quantities import seconds_text
from store.system import removing

PLACE = "lib/rebuilt"
"""The folder of the store inside, from ``/var``."""

BUILT = re.compile(r"built (\S+) in (\S+)  (/store/\S+)")
"""The line that `store realise` prints of each build."""

VERIFIED = re.compile(r"of (\d+) objects looked at: 0 findings")
PATIENCE = 6 * 3600.0
"""Seconds for all builds in the machine."""

SHARE = 24 << 30
"""Bytes of the machine's disk for data, of which written parts alone take space."""

Run = Callable[[str], Iterable[str]]
"""Runs a script that is inside, by its name, and yields the lines that it prints."""


class Verdict(NamedTuple):
    """A package's object outside, and the one that was built inside in that time, if any."""

    name: str
    expected: str
    found: str
    seconds: str

    @property
    def equal(self) -> bool:
        """True if it came out the same."""
        return self.found == self.expected


def put_scripts(var: Path, packages: Iterable[str], cores: int) -> None:
    """Put the scripts ``build`` and ``verify`` beside the store inside, whose ``/var`` is ``var``:
    at a console, long lines are broken. The seed is that of the builds outside."""
    store = f"store --root /var/{PLACE}"
    options = f"--offline --no-cache --seed {default_seed()} --cores {cores}"
    texts = {"build": f"realise {options} {' '.join(packages)}", "verify": "verify"}
    for name, text in texts.items():
        (var / name).write_text(f"{store} {text} 2>&1 | cat\n")


def rebuild(run: Run, expected: dict[str, str]) -> list[Verdict]:
    """Build inside, and return a verdict for each package. ClickException where the store inside
    is not whole in the end."""
    made = {}
    for line in run("build"):
        print(f"  {line}", flush=True)
        if found := BUILT.search(line):
            made[found[1]] = found[3], found[2]
    lines = list(run("verify"))
    print(*(f"  {line}" for line in lines), sep="\n", flush=True)
    if not any(VERIFIED.search(line) for line in lines):
        raise click.ClickException("the store inside is not whole")
    verdicts = []
    for name, path in expected.items():
        label = path.removeprefix("/store/").partition("-")[2]
        verdicts.append(Verdict(name, path, *made.get(label, ("", ""))))
    return verdicts


def report(verdicts: Sequence[Verdict], began: float) -> None:
    """Print the verdicts. ClickException unless all are equal."""
    for each in verdicts:
        said = "equal" if each.equal else f"not equal: {each.found or 'not built'}"
        print(f"{each.name:14} {each.seconds:>8}  {each.expected}  {said}")
    equal = sum(each.equal for each in verdicts)
    took = seconds_text(time.monotonic() - began)
    print(f"{equal} of {len(verdicts)} built inside, equal to those outside; {took} in all")
    if equal < len(verdicts):
        raise click.ClickException("the system did not come out the same")


def lay_out(session: Session, system: str, folder: Path) -> None:
    """Put the system's root, with the store's objects, into a folder."""
    wanted = ImageRequest(format="tar", packages=(system,))
    image = plan_image(session, [system], wanted)
    path = session.path(session.realiser().run([image])[image])
    with tarfile.open(path) as archive:
        archive.extractall(folder, numeric_owner=True, filter="fully_trusted")
    folder.chmod(0o755)


def run_in_chroot(folder: Path) -> Run:
    """Return the way to run a script in the chroot."""

    def run(name: str) -> Iterator[str]:
        program = [sys.executable, "-I", chroot.__file__, str(folder), "/bin/sh", f"/var/{name}"]
        with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for text in process.stdout:
                yield text.rstrip("\n")

    return run


def make_disk(session: Session, content: Path, disk: Path) -> None:
    """Make the machine's disk for data, with this content, by the distribution's own program."""
    (package,) = session.realise("e2fsprogs").values()
    program = f"{session.path(package)}/bin/mke2fs"
    with disk.open("xb") as file:
        file.truncate(SHARE)
    words = [program, "-q", "-t", "ext4", "-L", "data", "-d", str(content), str(disk)]
    # Whoever makes it, the files are root's.
    subprocess.run(words, check=True, preexec_fn=lambda: chroot.take_namespaces(0))


def run_in_machine(console: Console) -> Run:
    """Return the way to run a script at the machine's console."""

    def run(name: str) -> Iterator[str]:
        console.enter(f"sh /var/{name}{MARK}")
        console.wait_for(rf"{re.escape(MARK)}\n")  # the echo
        while (text := console.wait_for(r"([^\n]*)\n", PATIENCE)[1]) != MARKED:
            yield text

    return run


@contextmanager
def _place(folder: Path | None) -> Iterator[Path]:
    """Yield an empty folder: a given one, or one that is removed in the end."""
    if folder is not None:
        folder.mkdir()
        yield folder
        return
    made = tempfile.mkdtemp(prefix="fixpoint-inside-", dir="/var/tmp")
    try:
        yield Path(made)
    finally:
        removing.remove(made)


def by_chroot(
    session: Session, system: str, place: Path, expected: dict[str, str], cores: int
) -> list[Verdict]:
    """Build in a chroot that is made in the folder ``place``."""
    lay_out(session, system, place)
    supply(session, f"{place}/var/{PLACE}", supplies(session.catalogue, list(expected)))
    put_scripts(place / "var", (rebuilt(session.catalogue, name) for name in expected), cores)
    return rebuild(run_in_chroot(place), expected)


def by_machine(
    session: Session, system: str, place: Path, expected: dict[str, str], cores: int, memory: int
) -> list[Verdict]:
    """Build in an emulated machine, with its disk for data in the folder ``place``."""
    content, disk = place / "content", place / "data.img"
    supply(session, f"{content}/{PLACE}", supplies(session.catalogue, list(expected)))
    put_scripts(content, (rebuilt(session.catalogue, name) for name in expected), cores)
    make_disk(session, content, disk)
    removing.remove(str(content))
    parts = built(session, system)
    machine = Machine(
        kernel=parts.kernel,
        initramfs=parts.initramfs,
        disk=parts.disk,
        data=disk,
        memory=memory,
        processors=cores,
        accelerated=accelerated(),
    )
    with start(machine) as console:
        verdicts = rebuild(run_in_machine(console), expected)
        console.power_off()
    return verdicts


@click.command()
@click.argument("packages", nargs=-1)
@click.option("--root", help="The store's root, as for `store`.")
@click.option("--system", default="workshop", show_default=True, help="A system with the store.")
@click.option("--machine", is_flag=True, help="In an emulated machine, not in a chroot.")
@memory_option(2048)
@click.option("--cores", default=2, show_default=True, help="Processors for the builds.")
@click.option("--folder", type=click.Path(path_type=Path), help="A new folder, which is kept.")
def main(
    packages: tuple[str, ...],
    root: str | None,
    system: str,
    machine: bool,
    memory: int,
    cores: int,
    folder: Path | None,
) -> None:
    """Build PACKAGES anew inside a system of this distribution.

    They are of the base set (default: all), and the system has the objects of stage 1; or they are
    above it, and the system has those of stage 2. It has the sources, and neither seed nor network.
    """
    if machine:
        refuse_without_qemu()
    began = time.monotonic()
    reporter = make_reporter(sys.stderr)
    try:
        with Session(root, reporter=reporter) as session, _place(folder) as place:
            expected = _expected(session, packages)
            name = f"{SYSTEM}{system}"
            if machine:
                verdicts = by_machine(session, name, place, expected, cores, memory)
            else:
                verdicts = by_chroot(session, name, place, expected, cores)
    except StoreError as error:
        hint = f"\n  hint: {error.hint}" if error.hint else ""
        raise click.ClickException(error.message + hint) from error
    finally:
        reporter.close()
    report(verdicts, began)


def _expected(session: Session, packages: Sequence[str]) -> dict[str, str]:
    """Return the paths of the packages outside, by name, in the order of the base set."""
    catalogue = session.catalogue
    wanted = supplies(catalogue, packages or base_set(catalogue))
    session.realiser().run(wanted.refs)
    names = list(dict.fromkeys(packages)) or base_set(catalogue)
    objects = session.realise(*(twin_of(catalogue, name) for name in names))
    return {name: objects[catalogue.ref(twin_of(catalogue, name))].path for name in names}


if __name__ == "__main__":
    run_script(main)
