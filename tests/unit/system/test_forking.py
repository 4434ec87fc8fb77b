"""Forking, and the signals that come meanwhile."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import store
from store.system import forking
from store.system.forking import ForkedCall

INTERRUPTED = """
import os, signal, sys
from store.system import forking

def interrupt(number, frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGTERM, interrupt)
os.register_at_fork(**{sys.argv[1]: lambda: os.kill(parent, signal.SIGTERM)})
parent = os.getpid()
try:
    pid = forking.fork(lambda: None)
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


def test_a_child_has_handlers_of_its_own_before_a_signal_reaches_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # It is sent as the child begins, and waits.
    monkeypatch.setattr(gc, "freeze", lambda: os.kill(os.getpid(), signal.SIGTERM))
    former = signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
    try:
        pid = forking.fork(lambda: os._exit(8))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, former)


def test_what_is_ignored_stays_ignored_in_the_child() -> None:
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        handler = ForkedCall(lambda: signal.getsignal(signal.SIGHUP)).result()
        assert handler is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, former)


def test_after_a_fork_no_signal_is_blocked() -> None:
    assert ForkedCall(lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ())).result() == set()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()


def test_an_interrupted_call_ends_its_child_with_what_that_has_to_tidy(tmp_path: Path) -> None:
    def work() -> None:
        try:
            (tmp_path / "began").touch()
            time.sleep(60)
        except KeyboardInterrupt:
            (tmp_path / "tidied").touch()
            raise

    call = ForkedCall(work, interruptible=True)
    while not (tmp_path / "began").exists():
        time.sleep(0.01)
    call.stop()
    assert (tmp_path / "tidied").exists()


def test_nothing_forks_in_another_way() -> None:
    modules = Path(store.__file__).parent.rglob("*.py")
    forking = [module.name for module in modules if "os.fork()" in module.read_text()]
    assert forking == ["forking.py"]
