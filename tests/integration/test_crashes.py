"""After kill -9 of readers, writers and builders, nothing is held that only they held."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from store.errors import Busy
from store.index.writing import Writer
from store.local.store import Store
from store.system.locks import LockFile, SharedLocks
from tests.integration.conftest import Shop


def killed_while(work: Callable[[Callable[[], None]], None]) -> None:
    """Run ``work`` in a child until it calls what it is given, and kill the child there."""
    ready, told = os.pipe()

    def here() -> None:
        os.write(told, b"x")
        time.sleep(1000)

    pid = os.fork()
    if pid == 0:
        try:
            work(here)
        finally:
            os._exit(1)
    os.close(told)
    assert os.read(ready, 1) == b"x", "it ended before"
    os.close(ready)
    os.kill(pid, signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


@pytest.fixture
def tmp_path(disk_folder: Path) -> Path:
    """On the disk."""
    return disk_folder


def test_a_killed_reader_holds_no_snapshot_and_a_killed_writer_no_lock(tmp_path: Path) -> None:
    root = str(tmp_path / "root")
    Store.open(root).close()

    def read(here: Callable[[], None]) -> None:
        with Store.open(root).index.read() as txn:
            assert txn.objects.count() == 0
            here()

    def write(here: Callable[[], None]) -> None:
        def transaction(txn: Writer) -> None:
            txn.history.add("half-done", 1)
            here()

        Store.open(root).index.write(transaction)

    for _ in range(3):
        killed_while(read)
        killed_while(write)
    (tmp_path / "file").write_text("content")
    store = Store.open(root)
    began = time.monotonic()
    oid = store.objects.add(str(tmp_path / "file"), "file")
    assert time.monotonic() - began < 10
    assert store.realisations.expected_seconds("half-done") is None
    assert store.objects.present(oid)
    # No reader is left in the table: pages are used again, and the file does not grow.
    for number in range(300):
        store.index.write(lambda txn, n=number: txn.history.add(f"n{n % 10}", n))  # type: ignore[misc]
    before = os.stat(f"{store.layout.index}/data.mdb").st_size
    for number in range(300):
        store.index.write(lambda txn, n=number: txn.history.add(f"n{n % 10}", n))  # type: ignore[misc]
    assert os.stat(f"{store.layout.index}/data.mdb").st_size == before


def test_claims_locks_leases_and_work_folders_end_with_their_process(tmp_path: Path) -> None:
    root = str(tmp_path / "root")
    store = Store.open(root)
    (tmp_path / "file").write_text("content")
    oid = store.objects.add(str(tmp_path / "file"), "file")
    store.close()

    def hold(here: Callable[[], None]) -> None:
        mine = Store.open(root)
        mine.workspaces.claims_of(mine.workspaces.make()).add(oid.digest)
        assert mine.try_lock(7) is not None
        assert LockFile(f"{mine.layout.locks}/collector").try_lock(0) is not None
        with mine.leases.begin() as lease:
            lease.add([oid])
            here()

    killed_while(hold)
    store = Store.open(root)
    assert not SharedLocks(store.layout.claims).taken(oid.digest)
    lock = store.try_lock(7)
    assert lock is not None
    lock.release()
    assert os.listdir(store.layout.tmp)
    from store.gc.collector import Collector
    from store.gc.policy import Policy

    collector = Collector(store)
    collector.collect(Policy())
    assert collector.outcome.dropped_leases == 1
    assert collector.outcome.deleted == [oid]
    assert os.listdir(store.layout.tmp) == []


def test_a_killed_builder_leaves_a_store_that_works_on(
    shop: Shop, started: Callable[[subprocess.Popen[str]], subprocess.Popen[str]]
) -> None:
    running = started(shop.start("realise", "sleeps"))
    work = shop.root / "tmp"
    end = time.monotonic() + 120
    while not any(name.startswith("work-") for name in os.listdir(work)):
        assert time.monotonic() < end
        assert running.poll() is None
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    assert shop.path("realise", "hello").endswith("-hello")
    done = shop.run("index", "rebuild", "--json")
    while done.returncode == Busy.exit_code and time.monotonic() < end:
        time.sleep(0.1)  # what the killed one had started dies, but not in the same instant
        done = shop.run("index", "rebuild", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    before = shop.path("realise", "hello")
    again = shop.run("realise", "hello")
    assert again.stdout.strip() == before
    assert "to build" not in again.stderr
    store = Store.open(str(shop.root))
    store.workspaces.remove_stale()
    assert not [name for name in os.listdir(work) if name.startswith("work-")]
    store.close()
