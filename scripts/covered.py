"""Run the tests and measure which statements of the engine they execute: ``covered.py [PATH...]``.

With paths, pytest gets these and the figures are of them alone: for a look at a module that is
being worked on. Without, all tests run, and a module of which too little is executed is a failure.
The results of the tests are the concern of ``scripts/test``: here everything is slower, and a test
that measures times may fail.

Processes that the engine forks, and commands that a test starts with this environment, count, too;
so do a builder's side of the sandbox and the evaluation of recipes, where `tests/recorder.py` keeps
the record. Processes that a test kills, or runs as another user, do not count.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from coverage import CoverageData

from scripts.ending import checked_output
from tests import recorder

TOP: Final = Path(__file__).resolve().parents[1]
LEAST: Final = 80.0
"""Per cent of a module's statements that the tests have to execute."""

ALL: Final = (
    *("--numprocesses", "logical", "--dist", "loadfile", "--no-loadscope-reorder"),
    *("--hypothesis-profile", "quick"),
)
"""All tests, the longest files first, with a fifth of the random examples."""


def coverage(*words: str, env: Mapping[str, str]) -> int:
    """Run a command of the coverage tool in the checkout; its exit code."""
    command = [sys.executable, "-I", "-m", "coverage", *words]
    return subprocess.run(command, cwd=TOP, env=env, check=False).returncode


def measured(folder: Path, tests: Iterable[str]) -> dict[str, Any]:
    """Run tests, with what each process executed kept in ``folder``; the report on all of it."""
    lines = folder / "lines"
    env = {**os.environ, "COVERAGE_FILE": str(folder / "data"), recorder.VARIABLE: str(lines)}
    coverage("run", "-m", "pytest", "-p", "tests.recorder", *tests, env=env)
    data = CoverageData(str(folder / "data.recorded"))
    data.add_lines({file: found for file, found in recorder.executed(str(lines)) if found})
    data.write()
    coverage("combine", "--quiet", env=env)
    report = folder / "report.json"
    if coverage("json", "--quiet", "-o", str(report), env=env):
        sys.exit("coverage: nothing was measured")
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def shares(report: Mapping[str, Any]) -> dict[str, tuple[float, str]]:
    """For each module the per cent of its statements that were executed, and the missing lines."""
    return {
        path: (
            file["summary"]["percent_covered"],
            ranges(file["missing_lines"]),
        )
        for path, file in report["files"].items()
    }


def ranges(lines: Iterable[int]) -> str:
    """Sorted line numbers as in ``3-5,9``."""
    found: list[list[int]] = []
    for line in lines:
        if found and found[-1][1] == line - 1:
            found[-1][1] = line
        else:
            found.append([line, line])
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in found)


def main(tests: list[str]) -> int:
    """Measure, and print each module that lacks something, the least executed first."""
    with tempfile.TemporaryDirectory(prefix="covered.") as name:
        folder = Path(name)
        folder.chmod(0o1777)  # tests run commands as other users, too
        report = measured(folder, tests or ALL)
    found = sorted((share, path, lines) for path, (share, lines) in shares(report).items())
    for share, path, lines in found:
        if lines:
            print(f"{share:5.1f} %  {path}  {lines}")
    print(f"{report['totals']['percent_covered']:5.1f} %  of {len(found)} modules together")
    low = [path for share, path, _ in found if share < LEAST]
    if low and not tests:
        print(f"coverage: less than {LEAST:.0f} % is executed of {', '.join(low)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    with checked_output():
        sys.exit(main(sys.argv[1:]))
