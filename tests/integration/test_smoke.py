"""``scripts/smoke``: packages are built and checked, as far as the time goes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.integration.conftest import Shop
from tests.recipes.copies import RECIPES

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "smoke.py"


def smoke(shop: Shop, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(SCRIPT), "--root", str(shop.root)]
    command += ["--recipes", str(RECIPES / "toys"), *words]
    return subprocess.run(
        command,
        env=shop.environment(),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_each_package_has_a_line_and_the_stand_in_is_named(shop: Shop) -> None:
    done = smoke(shop, "hello", "itself", "cores")
    said = done.stdout.splitlines()
    assert [line.split()[:3] for line in said] == [
        ["✓", "hello", "built"],
        ["✗", "itself", "failed"],
        ["✓", "cores", "built"],
    ]
    assert "built and checked in" in said[0]
    assert "checked" not in said[2]
    assert done.returncode == 31
    assert "it is nowhere" in done.stderr
    assert "log itself" in done.stderr
    assert "2 built, 1 failed; zig" in done.stderr


def test_a_build_is_stopped_at_the_limit_and_the_rest_is_named(shop: Shop) -> None:
    done = smoke(shop, "--limit", "3s", "sleeps", "hello")
    assert done.returncode == 0, done.stderr
    sleeps, hello = done.stdout.splitlines()
    assert "not built: it was stopped at the limit" in sleeps
    assert "not built: no time is left" in hello
    assert "2 not built" in done.stderr


def test_what_the_limit_left_is_a_failure_where_all_is_asked_for(shop: Shop) -> None:
    done = smoke(shop, "--all", "--limit", "1s", "sleeps", "hello")
    assert done.returncode == 34, done.stderr
    assert "FAILED: the time limit left 2 packages untried: sleeps, hello" in done.stderr
    assert smoke(shop, "--all", "hello").returncode == 0
    failed = smoke(shop, "--all", "--limit", "0.01", "itself", "hello")
    assert failed.returncode == 34, failed.stderr


def test_words_that_mean_nothing_are_refused(shop: Shop) -> None:
    for words, code in (((), 2), (("hello", "--since", "HEAD"), 2), (("helo",), 11)):
        done = smoke(shop, *words)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert smoke(shop, "--since", "no such").returncode == 10
    assert os.path.exists(shop.root)
