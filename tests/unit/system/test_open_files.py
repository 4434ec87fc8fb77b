"""A low soft limit of open files is raised for us, and for no program that we become."""

from __future__ import annotations

import os
import resource

import pytest

from store.system.open_files import ENOUGH, allow_open_files, restore_open_files


def limits(soft: int, hard: int) -> list[int]:
    """The soft limits of a process that began with these: when raised, and when given back."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            allow_open_files()
            raised = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            restore_open_files()
            os.write(writing, f"{raised} {resource.getrlimit(resource.RLIMIT_NOFILE)[0]}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        told = stream.read()
    os.waitpid(pid, 0)
    return [int(word) for word in told.split()]


def test_a_low_soft_limit_is_raised_and_given_back() -> None:
    assert limits(20, 300) == [300, 20]


def test_a_limit_that_is_enough_stays() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY or hard >= ENOUGH:
        assert limits(20, ENOUGH) == [ENOUGH, 20]
    assert limits(50, 50) == [50, 50]


def test_a_limit_that_cannot_be_raised_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def refuse(_: int, wanted: tuple[int, int]) -> None:
        asked.append(wanted)
        raise OSError

    monkeypatch.setattr(resource, "getrlimit", lambda _: (20, 300))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    allow_open_files()
    restore_open_files()
    assert asked == [(300, 300)]


def test_a_raised_limit_is_given_back_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (20, 300))
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: asked.append(wanted))
    allow_open_files()
    restore_open_files()
    restore_open_files()
    assert asked == [(300, 300), (20, 300)]
