"""The collector beside real processes: programs in use, adders at work, kills, and a full disk."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from store.local.store import Store
from tests.integration.conftest import MakeDisk, Shop


@pytest.fixture
def tmp_path(disk_folder: Path) -> Path:
    """On the disk."""
    return disk_folder


@pytest.fixture
def own(tmp_path: Path) -> Shop:
    """An empty store."""
    return Shop(tmp_path / "root")


def test_what_a_running_program_uses_stays_until_it_ends(own: Shop, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    path = own.path("add", str(tree))
    user = subprocess.Popen(["/bin/sleep", "300"], cwd=own.physical(path))
    try:
        why = json.loads(own.path("gc", "why-alive", "--json", path))
        assert why["holder"]["kind"] == "process"
        assert own.run("gc").returncode == 0
        assert own.physical(path).is_dir()
        refused = own.run("delete", path)
        assert refused.returncode == 58
        assert f"process {user.pid}" in refused.stderr
    finally:
        user.kill()
        user.wait()
    assert own.run("delete", path).returncode == 0
    assert not own.physical(path).exists()


def test_adding_and_collecting_at_once_loses_nothing(own: Shop, tmp_path: Path) -> None:
    names = [f"kept-{number}" for number in range(4)]
    for name in names:
        (tmp_path / name).write_text(name)
    own.path("add", str(tmp_path / names[0]))  # `gc` makes no store: it may be first
    collector = [*own.command("gc", "--json")]
    until = time.monotonic() + 4
    rounds = 0
    while time.monotonic() < until:
        # The same contents again and again: added just when a collection may take the last ones.
        links = [tmp_path / f"link-{name}" for name in names]
        for link in links:
            link.unlink(missing_ok=True)
        jobs = [collector] + [
            own.command("add", str(tmp_path / name), "-o", str(link))
            for name, link in zip(names, links, strict=True)
        ]
        started = [
            subprocess.Popen(job, env=own.environment(), stdout=subprocess.DEVNULL) for job in jobs
        ]
        assert [process.wait() for process in started] == [0] * len(started)
        assert [link.read_text() for link in links] == names
        rounds += 1
    assert rounds
    assert own.run("verify").returncode == 0


def test_on_a_full_disk_it_still_collects(small_disk: MakeDisk, tmp_path: Path) -> None:
    disk = small_disk(64)
    shop = Shop(disk / "root")
    big = tmp_path / "big"
    big.write_bytes(os.urandom(8 << 20))
    dead = shop.path("add", str(big))
    with (
        open(disk / "filler", "wb", buffering=0) as filler,
        pytest.raises(OSError, match="space"),
    ):
        while True:
            filler.write(bytes(1 << 16))
    done = shop.run("gc", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0]) == {"deleted": dead}
    assert json.loads(done.stdout.splitlines()[-1])["summary"]["freed"] >= 8 << 20
    # The reserve is set aside again, and the rest is for use.
    assert (shop.root / "index" / "reserve").exists()
    assert shop.path("add", __file__)


def test_adding_makes_room_where_the_owner_has_said_so(
    small_disk: MakeDisk, tmp_path: Path
) -> None:
    disk = small_disk(64)
    shop = Shop(disk / "root")
    Store.open(str(shop.root)).close()
    (shop.root / "config.toml").write_text('[collect]\nmin-free = "24M"\n')
    for number in range(5):
        big = tmp_path / f"big-{number}"
        big.write_bytes(os.urandom(12 << 20))
        assert shop.path("add", str(big))
    assert shop.run("verify").returncode == 0


def test_a_small_disk_is_cleared_of_many_objects_at_once(
    small_disk: MakeDisk, tmp_path: Path
) -> None:
    disk = small_disk(64)
    shop = Shop(disk / "root")
    many = [tmp_path / f"small-{number}" for number in range(24)]
    for each in many:
        each.write_bytes(os.urandom(1 << 20))
    dead = shop.run("add", *map(str, many)).stdout.split()
    (shop.root / "config.toml").write_text(f'[collect]\nmin-free = "{_free(disk) + 4096}"\n')
    assert shop.path("add", __file__)
    left = [path for path in dead if os.path.lexists(f"{shop.root}{path}")]
    # As much as the least again; what there is, when that is more than there is.
    assert left == []
    assert _free(disk) >= 24 << 20


def _free(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize
