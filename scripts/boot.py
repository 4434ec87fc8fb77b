"""Starts a system of this distribution in QEMU: its kernel, its disk, and a disk for data.

The root is read-only and comes from the store; all that the machine keeps is on the disk for data,
a file that this makes when it is first needed. The console is this terminal.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from scripts.ending import run_script
from store import Session
from store.cli.draw import make_reporter
from store.errors import StoreError, UsageError
from store.model.image_request import ImageRequest
from store.operations.image_plan import plan_image
from store.system.home import data_folder

F = TypeVar("F", bound=Callable[..., Any])

HIGHEST_PORT = 65_535
MOST_MIB = 16 << 20
"""MiB: the largest file of ext4 has 16 TiB."""

QEMU = "qemu-system-x86_64"
PACKAGE_OF_QEMU = "qemu-system-x86"
KERNEL = "boot/bzImage"
INITRAMFS = "boot/initramfs"
"""Beside a kernel that needs one: ours does not."""
ROOT = "root=/dev/vda1 rootfstype=erofs ro init=/init console=ttyS0 panic=10 quiet no_timer_check"
"""The kernel's words: partition 1 of the first disk is the root. On a busy host the emulated timer
may be late, and the kernel would stop when it looks whether there is one."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """An emulated machine. ``ports`` lead from ports of the host's loopback to ports inside."""

    kernel: Path
    disk: Path
    data: Path
    initramfs: Path | None = None
    memory: int = 512
    ports: tuple[tuple[int, int], ...] = ()
    words: str = ""
    processors: int = 1
    accelerated: bool = False

    def command(self) -> list[str]:
        """Return the command line of QEMU."""
        network = ",".join(
            ["user", "model=virtio-net-pci"]
            + [f"hostfwd=tcp:127.0.0.1:{host}-:{inside}" for host, inside in self.ports]
        )
        return [
            QEMU,
            *("-accel", "kvm" if self.accelerated else "tcg"),
            *("-m", str(self.memory)),
            *("-smp", str(self.processors)),
            *("-nic", network),
            *("-drive", f"file={_quoted(self.disk)},if=virtio,format=raw,readonly=on"),
            *("-drive", f"file={_quoted(self.data)},if=virtio,format=raw"),
            *("-kernel", str(self.kernel)),
            *(("-initrd", str(self.initramfs)) if self.initramfs else ()),
            *("-append", f"{ROOT} {self.words}".rstrip()),
            *("-display", "none", "-serial", "mon:stdio", "-no-reboot"),
        ]


def accelerated() -> bool:
    """Return whether this machine runs guests by hardware: elsewhere a guest starts and hangs."""
    modules = ("kvm_intel", "kvm_amd")
    return os.access("/dev/kvm", os.W_OK) and any(
        os.path.isdir(f"/sys/module/{module}") for module in modules
    )


def _quoted(path: Path) -> str:
    """Return a path for one of QEMU's options, where a comma ends a value."""
    return str(path).replace(",", ",,")


def memory_option(default: int) -> Callable[[F], F]:
    """Return the decorator that adds ``--memory`` to a command, in MiB."""
    return click.option(
        "--memory",
        type=click.IntRange(1, MOST_MIB),
        default=default,
        show_default=True,
        help="MiB of the machine's memory.",
    )


def _ports(texts: Sequence[str]) -> tuple[tuple[int, int], ...]:
    pairs = []
    for text in texts:
        host, colon, inside = text.partition(":")
        if not (colon and _is_port(host) and _is_port(inside)):
            raise click.BadParameter(f"{text!r} is not HOST:INSIDE, such as 8080:80")
        pairs.append((int(host), int(inside)))
    outside = [port for port, _ in pairs]
    for port in outside:
        if outside.count(port) > 1:
            raise click.BadParameter(f"the port {port} of the host leads to two ports inside")
    return tuple(pairs)


def _is_port(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,5}", text) is not None and 1 <= int(text) <= HIGHEST_PORT


def _usual_disk(system: str) -> Path:
    """Return the disk for data of a system that is started without ``--data``. ClickException where
    this user has no folder for it."""
    try:
        return Path(data_folder()) / "fixpoint-machines" / f"{system}.img"
    except StoreError as error:
        raise click.ClickException(f"{error.message}\n  hint: --data names a file") from error


def _disk_for_data(path: Path, size: int) -> None:
    """Make the disk for data where there is none. ClickException where it cannot be written to."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.truncate(size)
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        raise click.ClickException(
            f"cannot have the disk for data {path}: {error.strerror}\n"
            "  hint: --data names another file"
        ) from error


@click.command()
@click.argument("system", default="minimal")
@click.option("--root", help="The store's root, as for `store`.")
@click.option("--recipes", help="The folder of recipes, as for `store`.")
@click.option("--data", type=click.Path(path_type=Path), help="The file that is the data's disk.")
@click.option(
    "--size",
    type=click.IntRange(1, MOST_MIB),
    default=1024,
    show_default=True,
    help="MiB of a new disk for data.",
)
@memory_option(512)
@click.option("--port", "ports", multiple=True, metavar="HOST:INSIDE", help="Forward a port.")
@click.option("--kernel", metavar="PACKAGE|PATH", help="Start this kernel, and not that of SYSTEM.")
@click.option(
    "--generation", type=click.IntRange(0), help="Start this generation; 0 is SYSTEM as it is."
)
@click.option("--append", default="", metavar="WORDS", help="More words for the kernel.")
@click.option("--print", "only_print", is_flag=True, help="Print the command, and start nothing.")
def main(
    system: str,
    root: str | None,
    recipes: str | None,
    data: Path | None,
    size: int,
    memory: int,
    ports: tuple[str, ...],
    kernel: str | None,
    generation: int | None,
    append: str,
    only_print: bool,
) -> None:
    """Build SYSTEM and its disk where they are missing, and start it in QEMU.

    The console is this terminal: Ctrl-A X ends the machine at once, `poweroff` ends it in order.
    The disk for data may have generations of a system that `store system` made there: the one that
    was chosen last begins, unless --generation names another.
    """
    forwarded = _ports(ports)
    if not only_print:
        refuse_without_qemu()
    path = data or _usual_disk(system)
    built = places(f"system.{system}", root, recipes, kernel)
    words = [append] if append else []
    if kernel is not None:
        words.append(f"fixpoint.kernel={built.kernel_name}")
    if generation is not None:
        words.append(f"fixpoint.generation={generation}")
    machine = Machine(
        kernel=built.kernel,
        initramfs=built.initramfs,
        disk=built.disk,
        data=path,
        memory=memory,
        ports=forwarded,
        words=" ".join(words),
        accelerated=accelerated(),
    )
    if only_print:
        print(shlex.join(machine.command()))
        return
    _disk_for_data(path, size << 20)
    sys.stdout.flush()
    os.execvp(QEMU, machine.command())


def refuse_without_qemu() -> None:
    """Raise ClickException where there is no emulator."""
    if shutil.which(QEMU) is None:
        raise click.ClickException(f"there is no {QEMU}; Debian's package is {PACKAGE_OF_QEMU}")


class Built(NamedTuple):
    """Where the parts of a system are on this machine; ``kernel_name`` is the kernel's path in
    the system's own /store."""

    kernel: Path
    initramfs: Path | None
    disk: Path
    kernel_name: str


def places(package: str, root: str | None, recipes: str | None, kernel: str | None = None) -> Built:
    """Build a system and its disk where they are missing, and the ``kernel`` to start in the place
    of its own; returns where they are on this machine. Raises ClickException."""
    reporter = make_reporter(sys.stderr)
    try:
        with Session(root, recipes=recipes, reporter=reporter) as session:
            return built(session, package, kernel)
    except StoreError as error:
        hint = f"\n  hint: {error.hint}" if error.hint else ""
        raise click.ClickException(error.message + hint) from error
    finally:
        reporter.close()


def built(session: Session, package: str, kernel: str | None = None) -> Built:
    """Build a system and its disk where they are missing, and return where they are. ``kernel`` is
    a package or an object's path; UsageError where it has no kernel."""
    system = next(iter(session.realise(package).values()))
    wanted = ImageRequest(format="disk", packages=(package,))
    image = plan_image(session, [package], wanted)
    disk = session.realiser().run([image])[image]
    if kernel is None:
        link = os.readlink(f"{session.path(system)}/{KERNEL}")
        chosen = session.object(link.removesuffix(f"/{KERNEL}"))
    elif "/" in kernel:
        chosen = session.object(kernel)
    else:
        chosen = next(iter(session.realise(kernel).values()))
    found = Path(session.path(chosen))
    if not (found / KERNEL).is_file():
        raise UsageError(f"{chosen.path} is no kernel: it has no {KERNEL}")
    initramfs = found / INITRAMFS
    return Built(
        kernel=found / KERNEL,
        initramfs=initramfs if initramfs.exists() else None,
        disk=Path(session.path(disk)),
        kernel_name=f"{chosen.path}/{KERNEL}",
    )


if __name__ == "__main__":
    run_script(main)
