"""Running ``store`` in a child forked from a warm process, under strace where that is asked for.

The child is the command itself, from its arguments to its exit status; only the start of Python
and its imports are taken from the parent, so that a run takes tens of milliseconds.
"""

from __future__ import annotations

import importlib
import os
import pickle
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from store.index.env import Index
from store.system import kernel

T = TypeVar("T")

TOP = Path(__file__).resolve().parents[2]

TIMEOUT = 120.0
"""Seconds that one run may take."""

_PR_SET_PTRACER = 0x59616D61


@dataclass(frozen=True)
class Done:
    """How a run ended. ``code`` is negative for a signal; ``trace`` is what strace wrote."""

    code: int
    out: str
    err: str
    trace: str = ""

    @property
    def injected(self) -> int:
        """How many calls strace made fail."""
        return self.trace.count("(INJECTED)")


def have_strace() -> bool:
    """Return whether strace is installed."""
    return shutil.which("strace") is not None


def warm() -> None:
    """Import all of the engine, late imports too, so that no run is about importing."""
    for path in sorted((TOP / "store").rglob("*.py")):
        parts = [part for part in path.relative_to(TOP).with_suffix("").parts if part != "__init__"]
        # no programs, and nothing that only a static Python can import
        if parts[-1] not in ("__main__", "child", "builtin_calls"):
            importlib.import_module(".".join(parts))
    with tempfile.TemporaryDirectory() as folder:
        Index.open(folder).close()


def run(
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    strace: Sequence[str] = (),
    kill_after: float | None = None,
) -> Done:
    """Run ``store WORDS`` to its end, or kill it after so many seconds.

    ``strace`` are options for a tracer that follows every process from the first instant. All
    processes of the run have ended when this returns. Output and trace go to files in ``folder``.
    """
    gate, open_gate = os.pipe()
    ended, alive = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(open_gate)
        os.close(ended)
        _become_command(words, folder, environment, gate, alive)
    os.close(gate)
    os.close(alive)
    os.read(ended, 1)
    tracer = None
    try:
        if strace:
            tracer = _attach(pid, folder, strace)
        os.write(open_gate, b"x")
        code = _wait(pid, TIMEOUT if kill_after is None else kill_after, kill_after is not None)
        _wait_for_all(ended)
        _wait_for_group(pid)
    finally:
        os.close(open_gate)
        os.close(ended)
        trace = _detach(tracer, folder)
    out, err = ((folder / name).read_text(errors="replace") for name in ("out", "err"))
    return Done(code, out, err, trace)


def _become_command(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], gate: int, ready: int
) -> None:
    code = 70
    try:
        os.setsid()
        os.umask(0o022)
        with suppress(OSError):  # there only where ptrace is restricted (Yama)
            kernel.prctl(_PR_SET_PTRACER, 2**64 - 1)
        _redirect(folder)
        os.environ.update(environment)
        os.chdir("/")
        sys.argv = ["store", *words]
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.write(ready, b"x")
        # Not by reading, which a tracer that is asked to may refuse.
        select.select([gate], [], [])
        os.close(gate)
        from store.cli.main import main

        main()
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _redirect(folder: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, name in enumerate(("out", "err"), 1):
        os.dup2(os.open(folder / name, flags, 0o644), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    # By line: what was said before a kill is a promise.
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", closefd=False)


def _attach(pid: int, folder: Path, options: Sequence[str]) -> subprocess.Popen[str]:
    tracer = subprocess.Popen(
        ["strace", "-f", "-o", str(folder / "trace"), *options, "-p", str(pid)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tracer.stderr is not None
    said = tracer.stderr.readline()
    if "attached" not in said:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise RuntimeError(f"strace cannot attach: {said}{tracer.stderr.read()}")
    return tracer


def _detach(tracer: subprocess.Popen[str] | None, folder: Path) -> str:
    if tracer is None:
        return ""
    try:
        tracer.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        tracer.kill()
        tracer.communicate()
    return (folder / "trace").read_text(errors="replace")


def _wait(pid: int, seconds: float, is_meant: bool) -> int:
    """The exit status; the process group is killed after so many seconds."""
    handle = os.pidfd_open(pid)
    try:
        if not select.select([handle], [], [], seconds)[0]:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            if not is_meant:
                raise TimeoutError(f"a run took longer than {seconds} s")
        else:
            _, status = os.waitpid(pid, 0)
    finally:
        os.close(handle)
    return os.waitstatus_to_exitcode(status)


def _wait_for_all(ended: int) -> None:
    """Wait until no process of the run is left: all of them hold the other end of a pipe."""
    if not select.select([ended], [], [], TIMEOUT)[0]:
        raise TimeoutError("processes of a run outlived it")


def _wait_for_group(group: int) -> None:
    """Wait until those that were killed have let go of their locks, too, which may come after the
    pipe; for a moment only, since who has ended stays in the group until somebody asks."""
    end = time.monotonic() + 2
    with suppress(ProcessLookupError):
        while time.monotonic() < end:
            os.killpg(group, 0)
            time.sleep(0.002)


def isolated(action: Callable[[], T]) -> T:
    """Call ``action`` in a child: damaged memory maps may kill it (ChildProcessError)."""
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(readable)
            message: tuple[bool, Any] = (True, action())
        except BaseException as error:
            message = (False, f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
        with os.fdopen(writable, "wb") as stream:
            pickle.dump(message, stream)
        os._exit(0)
    os.close(writable)
    with os.fdopen(readable, "rb") as stream:
        data = stream.read()
    _, status = os.waitpid(pid, 0)
    if not data:
        raise ChildProcessError(f"a check died: {os.waitstatus_to_exitcode(status)}")
    worked, value = pickle.loads(data)
    if not worked:
        raise ChildProcessError(value)
    return value  # type: ignore[no-any-return]


@dataclass
class Clock:
    """A span of time to be filled."""

    seconds: float

    def __post_init__(self) -> None:
        self._end = time.monotonic() + self.seconds

    def running(self) -> bool:
        """Return whether there is time left."""
        return time.monotonic() < self._end
