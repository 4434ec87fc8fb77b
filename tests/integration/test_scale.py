"""The bench at toy sizes: that each row does its work, and says so for people and programs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

TOP = Path(__file__).resolve().parents[2]


def measured(folder: Path, rows: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Return the bench's output for some rows, without the peer; its stores are in ``folder``."""
    command = [sys.executable, "-I", "scripts/bench.py", "scale", "--small", "--alone"]
    return subprocess.run(
        [*command, "--rows", rows, "--folder", str(folder), *words],
        cwd=TOP,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(
    ("row", "count"),
    [
        ("trees", 12),
        ("large", 3),
        ("builds", 5),
        ("objects", 4),
        ("growth", 7),
        ("operator", 19),
    ],
)
def test_every_row_gives_its_figures_and_leaves_nothing(
    row: str, count: int, tmp_path: Path
) -> None:
    done = measured(tmp_path, row, "--json")
    assert done.returncode == 0, done.stderr
    figures = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(figures) == count
    assert all(figure["ours"] > 0 for figure in figures)
    assert all(figure["peer"] is None and figure["ratio"] is None for figure in figures)
    assert list(tmp_path.iterdir()) == []


def test_growth_is_drawn_and_the_table_has_a_line_for_each_figure(tmp_path: Path) -> None:
    plot = tmp_path / "growth.svg"
    (tmp_path / "stores").mkdir()
    done = measured(tmp_path / "stores", "growth", "--plot", str(plot))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n| ") == 9
    circles = ElementTree.parse(plot).getroot().iter("{http://www.w3.org/2000/svg}circle")
    assert len(list(circles)) == 18


def test_a_row_that_is_none_is_refused(tmp_path: Path) -> None:
    done = measured(tmp_path, "growth,speed")
    assert done.returncode == 2
    assert "'speed' is not a row" in done.stderr
