"""The report of `scripts/test coverage` on a module, and the lines of cut-off processes."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from scripts import covered
from store import quantities
from store.profiles import launcher
from tests import recorder


@pytest.mark.parametrize(
    ("lines", "text"),
    [([], ""), ([3], "3"), ([3, 4, 5], "3-5"), ([1, 3, 4, 9], "1,3-4,9")],
)
def test_missing_lines_are_ranges(lines: list[int], text: str) -> None:
    assert covered.ranges(lines) == text


def test_each_module_has_its_share_and_what_it_lacks() -> None:
    summary = {"percent_covered": 50.0}
    report = {"files": {"store/canon.py": {"summary": summary, "missing_lines": [7, 8]}}}
    assert covered.shares(report) == {"store/canon.py": (50.0, "7-8")}


def test_lines_of_a_process_that_is_killed_are_recorded(tmp_path: Path) -> None:
    path = str(tmp_path / "lines")
    memory = recorder.opened(path)
    pid = os.fork()
    if pid == 0:
        recorder.record(memory)
        quantities.bytes_text(5000)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    found = {file: lines for file, lines in recorder.executed(path) if lines}
    assert quantities.bytes_text.__code__.co_firstlineno in found.pop(quantities.__file__)


def test_lines_of_a_launcher_are_recorded(tmp_path: Path) -> None:
    path, program = str(tmp_path / "lines"), tmp_path / "launcher"
    pid = os.fork()
    if pid == 0:
        recorder.install(path)
        program.write_bytes(launcher.launcher_text(sys.executable))
        program.chmod(0o755)
        os.execv(program, [str(program)])
    os.waitpid(pid, 0)
    found = dict(recorder.executed(path))[str(recorder.LAUNCH)]
    source = recorder.LAUNCH.read_text().splitlines()
    assert source.index("syscall = load()") + 1 in found
    assert source.index("        import _ctypes") + 1 in found


def test_no_module_has_more_lines_than_the_record() -> None:
    assert max(len(Path(file).read_text().splitlines()) for file in recorder.PLACES) < recorder.MOST
