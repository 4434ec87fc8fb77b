"""``store profile`` in a store without recipes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Line

pytestmark = pytest.mark.slow  # each test starts whole processes


def test_without_an_earlier_generation_diff_and_rollback_say_the_same(
    line: Line, tmp_path: Path
) -> None:
    folder = tmp_path / "tool"
    folder.mkdir()
    (folder / "file").write_text("text")
    line.run("profile", "install", line.run("add", str(folder)).stdout.strip())
    told = (
        f"store: {line.root}/profiles/default has no generation before the current one\n"
        "  hint: `store profile history` lists all\n"
    )
    assert line.run("profile", "diff", code=15).stderr == told
    assert line.run("profile", "rollback", code=15).stderr == told


def test_a_priority_is_a_number_up_to_a_thousand(line: Line) -> None:
    for number in ("-1", "1001"):
        error = line.run("profile", "install", "--priority", number, "x", code=2).stderr
        assert f"{number} is not in the range 0<=x<=1000." in error
