"""Several commands that draw from one pool of processor tokens."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable

from tests.integration.conftest import Shop
from tests.integration.test_realise import builders, wait_for

Taker = Callable[["subprocess.Popen[str]"], "subprocess.Popen[str]"]


def test_a_second_command_gets_a_token_while_make_uses_them_all(shop: Shop, started: Taker) -> None:
    hog = started(shop.start("realise", "--cores", "2", "hogs"))
    wait_for(lambda: "job" in shop.run("log", "hogs").stdout)
    done = shop.run("realise", "--cores", "2", "queued", timeout=120)
    assert done.returncode == 0, done.stderr
    assert hog.poll() is None
    os.killpg(hog.pid, signal.SIGINT)
    hog.communicate(timeout=120)


def test_a_command_that_gets_no_token_says_what_it_waits_for(shop: Shop, started: Taker) -> None:
    first = started(shop.start("realise", "--cores", "1", "sleeps"))
    wait_for(lambda: bool(builders(shop)))
    second = started(shop.start("realise", "--cores", "1", "queued-too"))
    assert second.stderr is not None
    assert second.stderr.readline() == "1 to build, 0 to fetch\n"
    waiting = second.stderr.readline()
    assert "waiting for a processor: other builds in this store" in waiting
    assert f"process {first.pid}: store realise --cores 1 sleeps" in waiting
    os.killpg(first.pid, signal.SIGINT)
    first.communicate(timeout=120)
    _, told = second.communicate(timeout=120)
    assert second.returncode == 0, told
