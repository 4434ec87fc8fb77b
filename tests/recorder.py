"""Records which lines run where no coverage tool comes along: a plugin that ``scripts/covered.py``
loads.

A builder's side of the sandbox sees no file of ours, the process that evaluates recipes starts
from nothing and may write to nothing, and a store's launcher is a copy that becomes another
program. Memory that is shared with this process outlives all of them: a byte for each line of the
engine.
"""

from __future__ import annotations

import mmap
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final

ENGINE: Final = Path(__file__).resolve().parents[1] / "store"
LAUNCH: Final = ENGINE / "profiles" / "launch.py"
MOST: Final = 512
"""Lines that a module may have."""

PLACES: Final = {str(path): at * MOST for at, path in enumerate(sorted(ENGINE.rglob("*.py")))}
"""For each module of the engine, the place of its first line in the record."""

VARIABLE: Final = "STORE_TEST_LINES"


def opened(path: str) -> mmap.mmap:
    """The record of lines in a file, which all processes share."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        os.ftruncate(fd, len(PLACES) * MOST)
        return mmap.mmap(fd, len(PLACES) * MOST)
    finally:
        os.close(fd)


def record(memory: mmap.mmap, files: Mapping[str, int] = PLACES) -> None:
    """Have every line of these files that this process executes recorded from here on. The files
    have their first line's place in the record; the engine's are the usual ones."""

    def lines(frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        memory[files[frame.f_code.co_filename] + frame.f_lineno - 1] = 1
        return lines

    def calls(frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        if frame.f_code.co_filename not in files:
            return None
        return lines(frame, event, _)

    sys.settrace(calls)
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename in files:
            frame.f_trace = lines
        frame = frame.f_back


def record_launcher(path: str, before: int) -> None:
    """Record the launcher that runs as this program, a copy with so many lines before it."""
    place = PLACES[str(LAUNCH)]
    record(opened(path), {sys.argv[0]: place - before})


def executed(path: str) -> Iterator[tuple[str, list[int]]]:
    """Each file of the engine, with the numbers of the lines that were recorded."""
    memory = opened(path)
    for file, place in PLACES.items():
        part = memory[place : place + MOST]
        yield file, [line + 1 for line in range(MOST) if part[line]]


LAUNCHER: Final = """\
import sys
sys.path.append({top!r})
try:
    from tests.recorder import record_launcher
    record_launcher({path!r}, {before})
except (ImportError, OSError):  # another user, or a Python without these modules
    pass
"""


def install(path: str) -> None:
    """Record the processes that this one makes by ``clone``, those that evaluate recipes, and the
    launchers that it writes."""
    from store.profiles import launcher
    from store.recipes import evaluate
    from store.system import kernel

    memory = opened(path)
    clone, command = kernel.clone, evaluate._command

    def recorded_clone(flags: int) -> int:
        pid = clone(flags)
        if pid == 0:
            record(memory)
        return pid

    def recorded_command(*words: Any) -> list[str]:
        made = command(*words)
        place = next(number for number, word in enumerate(made) if word.endswith("/child.py"))
        return [*made[:place], __file__, path, *made[place:]]

    text, source = launcher.launcher_text, LAUNCH.read_bytes()

    def recorded_text(python: str) -> bytes:
        first = text(python).removesuffix(source)
        before = first.count(b"\n") + 1
        program = LAUNCHER.format(top=str(ENGINE.parent), path=path, before=before)
        return first + f"exec({program!r})\n".encode() + source

    setattr(launcher, "launcher_text", recorded_text)  # noqa: B010 - as below
    setattr(kernel, "clone", recorded_clone)  # noqa: B010 - not as an assignment to a function
    setattr(evaluate, "_command", recorded_command)  # noqa: B010


def run_recorded() -> None:
    """Run the program that is named after the record, as Python would."""
    path = sys.argv[1]
    del sys.argv[:2]
    memory = opened(path)
    record(memory)
    runpy.run_path(sys.argv[0], run_name="__main__")


def pytest_configure() -> None:
    """Record what the tests of this process start."""
    install_if_asked()


def install_if_asked() -> None:
    """Record where :data:`VARIABLE` names a file."""
    if VARIABLE in os.environ:
        install(os.environ[VARIABLE])


if __name__ == "__main__":
    run_recorded()
