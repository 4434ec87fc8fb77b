"""The process that starts sandboxes: its forks, and how it is done without."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from store.sandbox import starter as module
from store.sandbox.namespaces import ProcessTree
from store.sandbox.points import RootEntries
from store.sandbox.preparation import SandboxPlan
from store.sandbox.starter import Starter

PLAN = SandboxPlan(
    store_dir="/nowhere",
    work_dir="/nowhere",
    rootfs=None,
    root_entries=RootEntries(),
    inputs=(),
    etc=(),
    build_user=None,
    uid=1000,
    gid=100,
    uid_map=f"1000 {os.geteuid()} 1",
    gid_map=f"100 {os.getegid()} 1",
    filter=bytes(8),
    personality=0,
    processors=None,
    argv=("/bin/sh",),
    env={},
    jobserver=(),
    interactive=False,
    tracer=None,
)
"""Its first process cannot take the store's mounts, and says so."""

FAILED = ["taking the store's mounts", str(errno.ENOENT)]


def ready() -> Starter:
    """One that waits for something to start."""
    starter = Starter()
    deadline = time.monotonic() + 60
    while not starter.ready and time.monotonic() < deadline:
        time.sleep(0.01)
    assert starter.ready
    return starter


@pytest.fixture
def starter() -> Iterator[Starter]:
    starter = ready()
    yield starter
    starter.close()


def run(starter: Starter | None) -> dict[str, list[str]]:
    tree = ProcessTree(PLAN, (1, 2), starter)
    try:
        tree.start()
        return tree.finish()
    finally:
        tree.close()


def test_what_it_starts_reports_as_without_it(starter: Starter) -> None:
    first, second, without = run(starter), run(starter), run(None)
    assert starter.ready
    assert first["failed"] == second["failed"] == without["failed"] == FAILED


def test_what_it_starts_is_a_child_of_its_owner(starter: Starter) -> None:
    report, lifeline = os.pipe(), os.pipe()
    pid = starter.start(PLAN, (1, 2), report[1], {}, lifeline[0])
    assert pid is not None
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        assert int(stat.read().rsplit(")", 1)[1].split()[1]) == os.getpid()
    os.close(lifeline[0])
    os.close(lifeline[1])  # it takes us for dead, and ends
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    os.close(report[1])
    assert os.read(report[0], 1) == b""  # the starter keeps no end of it
    os.close(report[0])


def test_a_killed_one_is_done_without(starter: Starter) -> None:
    os.kill(starter.pid, signal.SIGKILL)
    assert run(starter)["failed"] == FAILED
    assert not starter.ready
    assert run(starter)["failed"] == FAILED


def test_one_that_does_not_answer_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    starter = ready()
    os.kill(starter.pid, signal.SIGSTOP)
    assert run(starter)["failed"] == FAILED
    assert not starter.ready
    with pytest.raises(ProcessLookupError):
        os.kill(starter.pid, 0)


def test_a_sandbox_with_a_terminal_is_started_without_it(starter: Starter) -> None:
    assert starter.start(replace(PLAN, interactive=True), (0, 1, 2), 1, {}, 0) is None
    assert starter.ready


def test_a_fork_of_its_owner_does_without_it(starter: Starter) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0 if starter.start(PLAN, (1, 2), 1, {}, 0) is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert run(starter)["failed"] == FAILED
    assert starter.ready


def test_a_python_without_a_program_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(OSError, match="the program of this Python"):
        Starter()


def test_it_ends_with_its_owner() -> None:
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(into, f"{ready().pid}\n".encode())
        os._exit(0)
    os.waitpid(pid, 0)
    number = int(os.read(out, 100))
    os.close(into)
    os.close(out)
    deadline = time.monotonic() + 60
    while alive(number) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(number)


def alive(pid: int) -> bool:
    """The process runs; one that was not waited for does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
