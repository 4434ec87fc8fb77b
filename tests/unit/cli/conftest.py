"""The command line as a process of its own, in a store of a test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import forked


@dataclass(frozen=True)
class Line:
    """``root`` is the store's; words are given as bytes or text."""

    root: Path

    def command(self, *words: str | bytes) -> list[str | bytes]:
        """The words that start it."""
        return [sys.executable, "-I", "-m", "store", "--root", str(self.root), *words]

    def run(
        self, *words: str | bytes, code: int = 0, cwd: str | Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it; its exit code is ``code``, and it never breaks."""
        top = ["--root", str(self.root)]
        done = forked.run([*top, *words], cwd=cwd, errors="surrogateescape")
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert "unforeseen" not in done.stderr
        return done

    def add(self, path: Path, text: str, *words: str | bytes) -> str:
        """Add a file with this text; its store path."""
        path.write_text(text)
        return self.run("add", str(path), *words).stdout.strip()

    def held(self) -> Sequence[str]:
        """The names of the objects on the disk, without their digests."""
        return sorted(name.partition("-")[2] for name in os.listdir(self.root / "store"))


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path / "root")


@pytest.fixture
def reader(knowing: Path) -> Line:
    """The command in an empty store that all tests share, and none changes: it evaluates no
    recipe of the tree again."""
    return Line(knowing)
