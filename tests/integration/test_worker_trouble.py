"""Farms in trouble: full disks, kills, a server that starts anew; builds come out as elsewhere."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests import farm_server
from tests.integration.cache_users import user
from tests.integration.conftest import MakeDisk, Shop

GOAL = "item-15"
Started = Callable[[subprocess.Popen[str]], subprocess.Popen[str]]


@pytest.fixture(scope="module")
def worker(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The user of all workers."""
    return user(archive, tmp_path_factory.mktemp("worker") / "worker")


@pytest.fixture
def client(archive: Path, tmp_path: Path, worker: Shop) -> Shop:
    """A user who trusts the workers, and has the root file system alone."""
    made = user(archive, tmp_path / "client", worker)
    made.path("realise", "rootfs")
    return made


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[str]:
    """The URL of a server that hands out leases."""
    with farm_server.running(tmp_path / "farm") as url:
        yield url


@contextmanager
def working(worker: Shop, root: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    """A worker on a store of its own."""
    process = replace(worker, root=root).start("worker", url)
    try:
        says(process, "waiting for builds")
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)


def says(process: subprocess.Popen[str], words: str) -> None:
    """Wait until a process says this."""
    assert process.stderr is not None
    said = list(itertools.takewhile(lambda line: words not in line, process.stderr))
    assert process.poll() is None, "".join(said)


def begun(client: Shop, url: str, *words: str) -> subprocess.Popen[str]:
    """A client that wants the goal."""
    return client.start("realise", GOAL, "--on", url, "--remote-sandbox", "worker", *words)


def end_of(process: subprocess.Popen[str], expected: str) -> str:
    """The messages of a client that has to succeed."""
    output, errors = process.communicate(timeout=300)
    assert (process.returncode, output.strip()) == (0, expected), errors
    return errors


@pytest.fixture(scope="module")
def expected(anne: Shop) -> str:
    """The path of the goal, as it is built without a farm."""
    return anne.path("realise", GOAL)


def fill(path: Path) -> None:
    """Write a file until its disk is full, whatever others write there beside."""
    with path.open("wb", buffering=0) as junk:
        try:
            while junk.write(bytes(1 << 20)):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC, error


def test_a_worker_with_a_full_disk_leaves_builds_to_others(
    worker: Shop, client: Shop, farm: str, expected: str, tmp_path: Path, small_disk: MakeDisk
) -> None:
    disk = small_disk(24)
    with working(worker, disk / "root", farm) as full:
        fill(disk / "junk")
        process = begun(client, farm)
        says(full, "could not build")
        began = time.monotonic()
        with working(worker, tmp_path / "good", farm):
            errors = end_of(process, expected)
        seconds = time.monotonic() - began
        full.send_signal(signal.SIGTERM)
        assert full.stderr is not None
        taken = sum("could not build" in line for line in full.stderr)
    assert taken <= 2 + seconds / 5, errors


def test_a_server_that_starts_anew_while_builds_wait_gets_them_again(
    worker: Shop, client: Shop, expected: str, tmp_path: Path
) -> None:
    with tempfile.TemporaryDirectory(prefix="farm") as short:
        with farm_server.serving(tmp_path / "first", f"{short}/socket") as url:
            process = begun(client, url, "-v")
            says(process, ": queued")
        with (
            farm_server.serving(tmp_path / "second", f"{short}/socket") as url,
            working(worker, tmp_path / "root", url),
        ):
            end_of(process, expected)


def test_workers_that_are_killed_one_after_the_other_cost_time_alone(
    worker: Shop, client: Shop, farm: str, expected: str, tmp_path: Path, started: Started
) -> None:
    shop = replace(worker, root=tmp_path / "root")
    shop.path("realise", "rootfs")
    process = begun(client, farm)
    for pause in (0.0, 0.05, 0.1, 0.2):
        killed = started(shop.start("worker", farm))
        says(killed, "builds ")
        time.sleep(pause)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
        assert shop.run("verify", "--contents").returncode == 0
    with working(worker, tmp_path / "root", farm):
        end_of(process, expected)


def test_two_clients_at_once_get_the_same(
    worker: Shop, client: Shop, archive: Path, farm: str, expected: str, tmp_path: Path
) -> None:
    other = user(archive, tmp_path / "other", worker)
    with working(worker, tmp_path / "one", farm), working(worker, tmp_path / "two", farm):
        for process in [begun(each, farm) for each in (client, other)]:
            end_of(process, expected)
    for each in (client, other):
        assert each.run("verify", "--contents").returncode == 0
