"""Forking, and the signals that come meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import store
from store.system import forks

INTERRUPTED = """
import os, signal, sys
from store.system import forks

def interrupt(number, frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGTERM, interrupt)
os.register_at_fork(**{sys.argv[1]: lambda: os.kill(parent, signal.SIGTERM)})
parent = os.getpid()
try:
    pid = forks.fork()
    if pid == 0:
        os._exit(0)
except KeyboardInterrupt:
    try:
        os.waitpid(-1, 0)
    except ChildProcessError:
        print("interrupted")
        sys.exit()
print("not interrupted" if os.getpid() == parent else "the child goes on")
"""


@pytest.mark.parametrize("moment", ["before", "after_in_parent"])
def test_a_signal_at_the_moment_of_a_fork_is_not_lost(moment: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED, moment]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == "interrupted\n"
    assert done.stderr == ""


def test_a_child_has_handlers_of_its_own_before_a_signal_reaches_it() -> None:
    def begin() -> None:
        os.kill(os.getpid(), signal.SIGTERM)  # it waits
        forks.default_signals()

    former = signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
    try:
        pid = forks.fork(begin)
        if pid == 0:
            os._exit(8)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, former)


def test_what_is_ignored_stays_ignored_in_the_child() -> None:
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        pid = forks.fork()
        if pid == 0:
            os._exit(signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN)
        assert os.waitpid(pid, 0)[1] == 0
    finally:
        signal.signal(signal.SIGHUP, former)


def test_after_a_fork_no_signal_is_blocked() -> None:
    pid = forks.fork()
    if pid == 0:
        os._exit(bool(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
    assert os.waitpid(pid, 0)[1] == 0
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()


def test_nothing_forks_in_another_way() -> None:
    modules = Path(store.__file__).parent.rglob("*.py")
    forking = [module.name for module in modules if "os.fork()" in module.read_text()]
    assert forking == ["forks.py"]
