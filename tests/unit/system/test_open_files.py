"""A low soft limit of open files is raised for us, and for no program that we become."""

from __future__ import annotations

import resource
import subprocess
import sys

_TRY = """
import os, resource, sys
from store.system.open_files import allow_open_files, restore_open_files
allow_open_files()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
restore_open_files()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def limits(soft: int, hard: int) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", _TRY],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
    )
    return [int(line) for line in done.stdout.split()]


def test_a_low_soft_limit_is_raised_and_given_back() -> None:
    assert limits(20, 300) == [300, 20]


def test_a_limit_that_is_enough_stays() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY or hard >= 4096:
        assert limits(20, 4096) == [4096, 20]
    assert limits(50, 50) == [50, 50]
