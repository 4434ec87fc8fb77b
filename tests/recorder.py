"""Records which lines run where no coverage tool comes along: a plugin that ``scripts/covered.py``
loads.

A builder's side of the sandbox sees no file of ours, and the process that evaluates recipes starts
from nothing and may write to nothing. Memory that is shared with this process outlives both: a byte
for each line of the engine.
"""

from __future__ import annotations

import mmap
import os
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

ENGINE: Final = Path(__file__).resolve().parents[1] / "store"
FILES: Final = {str(path): number for number, path in enumerate(sorted(ENGINE.rglob("*.py")))}
MOST: Final = 512
"""Lines that a module may have."""

VARIABLE: Final = "STORE_TEST_LINES"


def opened(path: str) -> mmap.mmap:
    """The record of lines in a file, which all processes share."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        os.ftruncate(fd, len(FILES) * MOST)
        return mmap.mmap(fd, len(FILES) * MOST)
    finally:
        os.close(fd)


def record(memory: mmap.mmap) -> None:
    """Have every line of the engine that this process executes recorded from here on."""

    def lines(frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        memory[FILES[frame.f_code.co_filename] * MOST + frame.f_lineno - 1] = 1
        return lines

    def calls(frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        if frame.f_code.co_filename not in FILES:
            return None
        return lines(frame, event, _)

    sys.settrace(calls)
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename in FILES:
            frame.f_trace = lines
        frame = frame.f_back


def executed(path: str) -> Iterator[tuple[str, list[int]]]:
    """Each file of the engine, with the numbers of the lines that were recorded."""
    memory = opened(path)
    for file, number in FILES.items():
        part = memory[number * MOST : (number + 1) * MOST]
        yield file, [line + 1 for line in range(MOST) if part[line]]


def install(path: str) -> None:
    """Record the processes that this one makes by ``clone``, and those that evaluate recipes."""
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

    setattr(kernel, "clone", recorded_clone)  # noqa: B010 - not as an assignment to a function
    setattr(evaluate, "_command", recorded_command)  # noqa: B010


def run_recorded() -> None:
    """Run the program that is named after the record, as Python would."""
    path = sys.argv[1]
    del sys.argv[:2]
    memory = opened(path)
    record(memory)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    run_recorded()
elif VARIABLE in os.environ:
    install(os.environ[VARIABLE])
