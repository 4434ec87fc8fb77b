"""The running system: which it is, and making another one the running one."""

from __future__ import annotations

import subprocess
from typing import Final, NamedTuple

from store.display import printable
from store.errors import StorageError, UsageError, storage_error
from store.system.whole_file import replace_file

STATE: Final = "/run/fixpoint"
"""The folder in which process 1 names the running system."""

ROOT: Final = "/var/lib/fixpoint"
"""The root of the machine's store. Process 1 looks for generations there."""

IMAGE: Final = "/run/image"
"""The image, with nothing laid over it. It has the folders of a store: ``store``, ``manifests``."""

MEMORY: Final = "/var/lib/system"
"""The folder where process 1 remembers which generations came up."""

ACTIVATE: Final = "etc/runit/activate"
SERVICES: Final = "etc/runit/services"
BEGIN: Final = "etc/runit/begin"
INIT: Final = "init"
"""Scripts in the tree of a system. Process 1 finds the tree by the last one."""

KERNEL: Final = "boot/bzImage"

NEEDED: Final = (INIT, ACTIVATE, BEGIN, SERVICES, KERNEL)
"""Files in the tree of every system that can be started."""

_LONGEST: Final = 60.0
"""Seconds for services to end and begin."""


class Running(NamedTuple):
    """The system that runs: the folder with its tree, and the number of its generation, which is 0
    for the image's own."""

    tree: str
    generation: int


def running(state: str = STATE) -> Running:
    """Return the running system. Raises UsageError where this is no machine of such a system."""
    try:
        with open(f"{state}/system") as stream:
            tree = stream.read(4096).strip()
        with open(f"{state}/generation") as stream:
            number = int(stream.read(16))
    except (OSError, ValueError):
        raise UsageError(
            "this machine does not run a system of this distribution",
            hint="`scripts/boot` starts one; `store profile` installs packages on any host",
        ) from None
    return Running(tree, number)


def activate(tree: str, generation: int, state: str = STATE) -> None:
    """Make the system with this tree the running one: its programs and files are seen at once, and
    its services begin. Raises StorageError; then the former system may run on in part."""
    try:
        _run(f"{tree}/{ACTIVATE}", tree)
        with open(f"{state}/generation", "w") as stream:
            stream.write(f"{generation}\n")
        _run(f"{tree}/{SERVICES}")
    except OSError as error:
        raise storage_error(error, "cannot make the system the running one") from error


def forgive(number: int, memory: str = MEMORY) -> None:
    """Let process 1 try a generation as if it never had. Raises StorageError."""
    for name in ("failed", "up"):
        try:
            with open(f"{memory}/{name}", "rb") as stream:  # a power cut may leave any bytes
                lines = stream.read().split()
            left = b"".join(each + b"\n" for each in lines if each != b"%d" % number)
            replace_file(f"{memory}/{name}", left, durable=True)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise storage_error(error, "cannot note the chosen generation") from error


def _run(*command: str) -> None:
    try:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LONGEST,
        )
    except subprocess.TimeoutExpired:
        raise StorageError(f"{command[0]} did not end within {_LONGEST:.0f} s") from None
    if done.returncode:
        # Services name files and users as they like: not all of it need be a text.
        lines = done.stderr.strip()[-500:].decode("utf-8", "surrogateescape").splitlines()
        said = "\n".join(map(printable, lines))
        raise StorageError(f"{command[0]} ended with {done.returncode}: {said}")
