"""The tables of `scripts/ladder`, where nothing is realised yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from scripts import ladder
from tests.unit.conftest import make_knowing

Kept = Callable[[str, str], Path]


@pytest.fixture
def root(tmp_path: Path, kept: Kept) -> str:
    """A store of the test's own: the table is drawn in this process, which opens a store once."""
    return make_knowing(tmp_path / "store", kept)


def test_a_seed_with_builds_missing_has_no_ratio(root: str) -> None:
    done = CliRunner().invoke(ladder.main, ["--root", root, "--seeds", "gcc"])
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.output.splitlines()[1:]]
    assert [row[0] for row in rows] == ["debian", "zig", "tcc"]
    for row in rows:
        name, builds, missing, seconds, *memory = row
        assert int(builds) == int(missing) > 0, name
        assert seconds == "0"
        assert memory == ["0", "B"]


@pytest.mark.parametrize("options", [[], ["--seeds"]])
def test_a_package_that_does_not_exist_is_one_line(root: str, options: list[str]) -> None:
    done = CliRunner().invoke(ladder.main, ["--root", root, *options, "no-such-package"])
    assert done.exit_code == 1
    assert done.output == "Error: no package is named 'no-such-package'\n"
