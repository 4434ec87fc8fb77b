"""The scripts of process 1: which generation begins, and which kernel with it.

They run here below a folder that stands in for the machine's root; commands that would change this
machine are functions of the shell.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from derivations.kit.process_1 import BEGIN, CHOICE, KERNEL, SIGNAL

SH = shutil.which("sh") or "/bin/sh"
IMAGE = "/store/k0-linux-1/boot/bzImage"
OTHER = "/store/k2-linux-2/boot/bzImage"
STUBS = """\
mount() { :; }
umount() { echo umount >> LOG; }
sync() { :; }
sv() { :; }
hostname() { :; }
ip() { :; }
sleep() { MEANWHILE; }
reboot() { echo "reboot $*" >> LOG; }
poweroff() { echo "poweroff $*" >> LOG; }
store() {
    echo "$*" >> LOG
    STORE
}
"""
STARTS = 'kill -9 "$PPID"; exit 0'
"""A kernel that starts: the process that asked for it ends, wherever it was."""

REFUSED = "echo 'cannot start the kernel'; return 1"


@dataclass
class Box:
    """A machine: its root, and what the store does that is asked for another kernel."""

    root: Path
    starting: str = STARTS
    meanwhile: str = ":"

    def script(self, text: str) -> str:
        """Return a script that is of this machine's root."""
        stubs = STUBS.replace("STORE", self.starting).replace("MEANWHILE", self.meanwhile)
        stubs = stubs.replace("LOG", str(self.root / "log"))
        found = re.sub(
            r"(?<![\w.}])/(proc|var|run|etc|boot|dev/console)\b", rf"{self.root}/\1", text
        )
        return stubs + found

    def put(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def generation(self, number: int, kernel: str, activate: str = "exit 0") -> None:
        """Make a generation of the system, and choose it."""
        tree = f"/store/g{number}-system"
        profiles = self.root / "var/lib/fixpoint/profiles"
        held = self.root / f"var/lib/fixpoint/store/p{number}-profile"
        held.mkdir(parents=True)
        (held / "init").symlink_to(f"{tree}/init")
        self.put(f"var/lib/fixpoint{tree}/etc/runit/activate", f"#!{SH}\n{activate}\n")
        boot = self.root / f"var/lib/fixpoint{tree}/boot"
        boot.mkdir()
        (boot / "bzImage").symlink_to(kernel)
        profiles.mkdir(exist_ok=True)
        (profiles / f"system-{number}-link").symlink_to(held)
        self.choose(number)

    def choose(self, number: int) -> None:
        link = self.root / "var/lib/fixpoint/profiles/system"
        link.unlink(missing_ok=True)
        link.symlink_to(f"system-{number}-link")

    def remember(self, name: str, text: str) -> None:
        self.put(f"var/lib/system/{name}", text)

    def remembered(self, name: str) -> str:
        file = self.root / "var/lib/system" / name
        return file.read_text().strip() if file.exists() else ""

    def run(self, text: str, *args: str) -> str:
        """Run one of the scripts; returns what it said."""
        self.put("etc/runit/kernel", f"#!{SH}\n{self.script(KERNEL)}")
        words = [SH, "-c", self.script(text), "script", *args]
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout

    def start(self, *words: str) -> int | None:
        """Start the machine with these words for its kernel: the number of the generation that
        runs, or None where another kernel was started."""
        self.put("proc/cmdline", " ".join(("root=/dev/vda1", *words)))
        (self.root / "log").unlink(missing_ok=True)
        self.run(CHOICE)
        if any("start-kernel" in line for line in self.log()) and self.starting == STARTS:
            return None
        return int((self.root / "run/fixpoint/generation").read_text())

    def log(self) -> list[str]:
        file = self.root / "log"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A machine whose image has a kernel, and no generation yet."""
    made = Box(tmp_path)
    made.put("etc/runit/begin", f"#!{SH}\n")
    (tmp_path / "var/lib/system").mkdir(parents=True)
    for place in ("boot", "run/image/boot"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "bzImage").symlink_to(IMAGE)
    return made


def after(number: int) -> tuple[str, ...]:
    """The words for the other kernel, when this machine started it for a generation."""
    return f"fixpoint.kernel={OTHER}", f"fixpoint.generation={number}", "fixpoint.counted"


def test_without_a_generation_the_image_s_own_system_runs(box: Box) -> None:
    assert box.start() == 0
    assert (box.root / "run/fixpoint/kernel").read_text().strip() == IMAGE
    assert box.log() == []


def test_the_chosen_generation_begins_and_is_counted(box: Box) -> None:
    box.generation(1, IMAGE)
    box.generation(2, IMAGE)
    assert box.start() == 2
    assert box.remembered("trying") == "2 1"
    assert box.start() == 2
    assert box.remembered("trying") == "2 2"
    assert box.start() == 1
    assert box.remembered("failed") == "2"


def test_a_word_names_another_generation(box: Box) -> None:
    box.generation(1, IMAGE)
    box.generation(2, IMAGE)
    assert box.start("fixpoint.generation=1") == 1
    assert box.start("fixpoint.generation=0") == 0


def test_another_kernel_starts_as_soon_as_it_is_chosen(box: Box) -> None:
    box.generation(1, OTHER)
    assert box.start() is None
    tree = f"{box.root}/var/lib/fixpoint/store/g1-system"
    assert box.log() == [f"system start-kernel {tree} --generation 1"]
    assert box.remembered("trying") == "1 1"
    # The other kernel does not ask again, and this is the same try.
    assert box.start(*after(1)) == 1
    assert (box.root / "run/fixpoint/kernel").read_text().strip() == OTHER
    assert box.remembered("trying") == "1 1"
    assert box.log() == []


def test_a_kernel_that_does_not_come_up_twice_is_passed_over(box: Box) -> None:
    box.generation(1, IMAGE)
    box.generation(2, OTHER)
    assert box.start() is None
    assert box.start() is None
    assert box.remembered("trying") == "2 2"
    assert box.start() == 1
    assert box.remembered("failed") == "2"


def test_a_second_try_by_another_kernel_is_not_the_end(box: Box) -> None:
    box.generation(1, IMAGE)
    box.generation(2, OTHER)
    assert box.start() is None
    assert box.start() is None
    assert box.start(*after(2)) == 2
    assert box.remembered("failed") == ""


def test_without_a_way_the_system_runs_on_the_kernel_that_runs(box: Box) -> None:
    box.starting = REFUSED
    box.generation(1, OTHER)
    assert box.start() == 1
    assert (box.root / "run/fixpoint/kernel").read_text().strip() == IMAGE


def test_a_kernel_given_from_outside_is_the_one_that_runs(box: Box) -> None:
    box.generation(1, OTHER)
    assert box.start(f"fixpoint.kernel={OTHER}") == 1
    assert box.remembered("trying") == "1 1"


def rebooted(box: Box, signal: str = "15") -> list[str]:
    """Return the commands of an end that process 1 was asked for."""
    (box.root / "log").unlink(missing_ok=True)
    (box.root / "dev").mkdir(exist_ok=True)
    box.run(SIGNAL, signal)
    return box.log()


def test_a_reboot_starts_the_chosen_kernel_and_counts_it(box: Box) -> None:
    box.generation(1, IMAGE)
    assert box.start() == 1
    box.generation(2, OTHER)
    assert rebooted(box)[-1].endswith("g2-system --generation 2")
    assert box.remembered("trying") == "2 1"
    assert box.start(*after(2)) == 2
    # Back again: the kernel of the image is another one now.
    box.choose(1)
    assert rebooted(box)[-1].endswith("g1-system --generation 1")


def test_a_reboot_to_the_image_s_own_system_starts_its_kernel(box: Box) -> None:
    box.generation(1, OTHER)
    assert box.start(*after(1)) == 1
    (box.root / "var/lib/fixpoint/profiles/system").unlink()
    assert rebooted(box)[-1] == f"system start-kernel {box.root}/run/image --generation 0"
    assert box.remembered("trying") == ""


@pytest.mark.parametrize("starting", [STARTS, REFUSED])
def test_a_reboot_with_the_same_kernel_is_the_firmware_s(box: Box, starting: str) -> None:
    box.starting = starting
    box.generation(1, IMAGE)
    assert box.start() == 1
    assert rebooted(box) == ["umount", "reboot -f"]
    assert box.remembered("trying") == ""


def test_a_refused_kernel_leaves_the_reboot_to_the_firmware(box: Box) -> None:
    box.starting = REFUSED
    box.generation(1, OTHER)
    assert box.start() == 1
    assert rebooted(box)[-2:] == ["umount", "reboot -f"]
    assert box.remembered("trying") == ""


def test_a_generation_that_failed_has_no_kernel_started(box: Box) -> None:
    box.generation(1, IMAGE)
    box.generation(2, OTHER)
    box.remember("failed", "2\n")
    assert box.start() == 1
    assert rebooted(box) == ["umount", "reboot -f"]


def test_power_off_starts_no_kernel(box: Box) -> None:
    box.generation(1, IMAGE)
    assert box.start() == 1
    box.generation(2, OTHER)
    assert rebooted(box, "12") == ["umount", "poweroff -f"]


@pytest.mark.parametrize(("now", "up"), [(1, "1"), (2, "")])
def test_a_generation_comes_up_unless_another_runs_by_then(box: Box, now: int, up: str) -> None:
    box.generation(1, IMAGE)
    assert box.start() == 1
    box.put("etc/runit/services", f"#!{SH}\n")
    box.meanwhile = f"echo {now} > {box.root}/run/fixpoint/generation"
    box.run(BEGIN.replace("exec runsvdir", "wait #"))
    assert box.remembered("up") == up
    assert box.remembered("trying") == ("" if up else "1 1")
