"""The store in a chroot: a root directory that is not the root of all mounts."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from scripts import chroot as chroot_script
from scripts.supplies import Supplies, supply
from store import Session
from store.model.derivation import Source
from tests.faults.subjects import pack_rootfs
from tests.integration.cache_users import user
from tests.integration.conftest import Shop

_CHROOT = """
import os, sys
from scripts.chroot import take_namespaces
from store.system import kernel

folder, without, *argv = sys.argv[1:]
take_namespaces(kernel.CLONE_NEWNS)
kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
for entry in list(os.scandir("/")):
    place = f"{folder}/{entry.name}"
    if entry.is_symlink():
        os.symlink(os.readlink(entry.path), place)
    elif entry.is_dir():
        os.mkdir(place)
        if entry.name != without:
            kernel.mount(entry.path, place, None, kernel.MS_BIND | kernel.MS_REC)
os.chroot(folder)
os.chdir("/")
os.execv(argv[0], argv)
"""
"""Runs a program in a chroot of the machine's own entries of ``/``, but for one."""


@pytest.fixture
def tmp_path(disk_folder: Path) -> Path:
    """On the disk: memory is below ``/dev``, which one of these chroots has not got."""
    return disk_folder


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """The root file system of the small recipes, on the disk, too."""
    packed = tmp_path / "small-rootfs.tar"
    pack_rootfs(packed)
    return packed


def chroot(shop: Shop, place: Path, *words: str, without: str = "") -> tuple[int, str, str]:
    """Run a command in a chroot; returns its exit code, standard output and error."""
    place.mkdir()
    done = subprocess.run(
        [shop.python, "-c", _CHROOT, str(place), without, *shop.command(*words)],
        env=shop.environment(),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_packages_are_built_and_run_in_a_chroot(archive: Path, tmp_path: Path) -> None:
    inside, outside = user(archive, tmp_path / "in"), user(archive, tmp_path / "out")
    code, path, said = chroot(inside, tmp_path / "1", "realise", "above")
    assert code == 0, said
    assert path == outside.run("realise", "above").stdout
    code, said, _ = chroot(inside, tmp_path / "2", "run", "above", "--", "ls", "/store")
    assert code == 0
    assert said.split() == sorted(each.name for each in (inside.root / "store").iterdir())
    assert chroot(inside, tmp_path / "3", "verify")[0] == 0


def test_a_chroot_without_proc_or_devices_is_named(archive: Path, tmp_path: Path) -> None:
    shop = user(archive, tmp_path / "user")
    for without in ("proc", "dev"):
        code, _, said = chroot(shop, tmp_path / without, "realise", "above", without=without)
        assert code in (40, 50), said
        assert "a chroot DIR needs, as root: mount --rbind /dev DIR/dev" in said
        assert "Traceback" not in said


def test_a_folder_becomes_all_that_a_program_sees(archive: Path, tmp_path: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    for name in ("dev", "proc"):
        (tmp_path / name).mkdir()
    script = "echo $$ / $HOME; echo no > /dev/null; read line < /proc/self/comm; echo $line; exit 3"
    done = subprocess.run(
        [sys.executable, "-I", chroot_script.__file__, tmp_path, "/bin/sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "1 / /root\nsh\n"), done.stderr
    assert list((tmp_path / "dev").iterdir()) == []  # its mounts are its own


def test_supplies_are_all_that_a_rebuild_needs(archive: Path, tmp_path: Path) -> None:
    outside, inside = user(archive, tmp_path / "out"), user(archive, tmp_path / "in")
    path = outside.path("realise", "above")
    archive.unlink()  # what is not among the supplies is out of reach
    with Session(str(outside.root), str(outside.recipes), "debian") as session:
        graph = session.catalogue
        made = (graph.ref("base"),)
        source = next(node.ref() for node in graph.nodes.values() if isinstance(node, Source))
        supply(session, str(inside.root), Supplies(made=made, sources=(source,), builds=3))
    inside.recipes = outside.recipes
    code, found, said = chroot(
        inside, tmp_path / "1", "realise", "--offline", "--no-cache", "above"
    )
    assert (code, found.strip()) == (0, path), said
    assert "built base" not in said
    assert "built pair" in said
    assert "built above" in said
