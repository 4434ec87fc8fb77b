"""The command line of the emulator, for a system of this distribution."""

from __future__ import annotations

import dataclasses
import importlib
from itertools import pairwise
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from scripts import boot

MACHINE = boot.Machine(
    kernel=Path("/objects/linux/boot/bzImage"),
    disk=Path("/objects/box,1.img"),
    data=Path("/data.img"),
    ports=((8080, 80),),
)


def after(option: str, words: list[str]) -> list[str]:
    return [value for name, value in pairwise(words) if name == option]


def test_the_root_cannot_be_written_to_and_the_data_can() -> None:
    root, data = after("-drive", MACHINE.command())
    assert root == "file=/objects/box,,1.img,if=virtio,format=raw,readonly=on"
    assert data == "file=/data.img,if=virtio,format=raw"
    assert after("-append", MACHINE.command())[0].startswith("root=/dev/vda1 rootfstype=erofs ro ")


def test_an_initramfs_comes_only_with_a_kernel_that_needs_one() -> None:
    assert after("-initrd", MACHINE.command()) == []
    other = dataclasses.replace(MACHINE, initramfs=Path("/objects/linux/boot/initramfs"))
    assert after("-initrd", other.command()) == ["/objects/linux/boot/initramfs"]


def test_ports_lead_from_loopback_alone() -> None:
    assert after("-nic", MACHINE.command()) == [
        "user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:8080-:80"
    ]


def test_hardware_runs_guests_only_where_it_can() -> None:
    assert after("-accel", MACHINE.command()) == ["tcg"]


@pytest.mark.parametrize(
    "text",
    [
        "8080",
        "80:x",
        ":80",
        "80:",
        "\u00b2:80",
        "0:80",
        "80:65536",
        "80:\u0661",
        "1" * 5000 + ":80",
    ],
)
def test_a_port_is_two_numbers(text: str) -> None:
    with pytest.raises(click.BadParameter, match="HOST:INSIDE"):
        boot._ports([text])


def test_a_port_of_the_host_leads_to_one_place() -> None:
    with pytest.raises(click.BadParameter, match="the port 80 of the host leads to two"):
        boot._ports(["80:1", "81:1", "80:2"])


@pytest.mark.parametrize("option", ["--size", "--memory"])
@pytest.mark.parametrize("number", ["-1", "0", "99999999999"])
def test_a_machine_has_some_memory_and_disk(option: str, number: str) -> None:
    done = CliRunner().invoke(boot.main, [option, number])
    assert done.exit_code == 2
    assert f"Invalid value for '{option}'" in done.output


@pytest.mark.parametrize(
    "name", ["boot_trial", "rebuild_inside", "site_trial", "system_trial", "upgrade_trial"]
)
def test_each_trial_refuses_a_machine_without_memory(name: str) -> None:
    main = importlib.import_module(f"scripts.{name}").main
    done = CliRunner().invoke(main, ["--memory", "0"])
    assert done.exit_code == 2
    assert "Invalid value for '--memory': 0 is not in the range" in done.output


def test_a_disk_for_data_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, why in ((tmp_path, "Is a directory"), (tmp_path / "file/x", "File exists")):
        with pytest.raises(click.ClickException) as caught:
            boot._disk_for_data(path, 1 << 20)
        assert caught.value.message == (
            f"cannot have the disk for data {path}: {why}\n  hint: --data names another file"
        )


def test_without_the_emulator_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    done = CliRunner().invoke(boot.main, ["minimal"])
    assert done.exit_code == 1
    assert "Debian's package is qemu-system-x86" in done.output


def test_the_disk_for_data_is_made_once(tmp_path: Path) -> None:
    disk = tmp_path / "new" / "data.img"
    boot._disk_for_data(disk, 1 << 20)
    assert disk.stat().st_size == 1 << 20
    disk.write_bytes(b"kept")
    boot._disk_for_data(disk, 1 << 20)
    assert disk.read_bytes() == b"kept"


def test_another_kernel_and_generation_are_words_for_process_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def places(package: str, root: None, recipes: None, kernel: str | None) -> boot.Built:
        asked.append((package, kernel))
        return boot.Built(
            tmp_path / "bzImage", None, tmp_path / "disk", "/store/k-linux/boot/bzImage"
        )

    monkeypatch.setattr(boot, "places", places)
    words = ["box", "--print", "--kernel", "linux-next", "--generation", "2", "--append", "debug"]
    done = CliRunner().invoke(boot.main, words)
    assert done.exit_code == 0
    line = "debug fixpoint.kernel=/store/k-linux/boot/bzImage fixpoint.generation=2' -display"
    assert line in done.output
    assert (
        "fixpoint"
        not in CliRunner().invoke(boot.main, ["box", "--print"]).output.split("-append")[1]
    )
    assert asked == [("system.box", "linux-next"), ("system.box", None)]
