"""Modules that are loaded when something of them is used."""

from __future__ import annotations

import subprocess
import sys

from store.reapi.deferred_modules import deferred_modules

USED_LATER = """
import sys
from store.reapi.deferred_modules import deferred_modules
with deferred_modules("sched"):
    import sched as early
assert "sched" not in sys.modules
assert early.scheduler.__name__ == "scheduler"
import sched
assert sched is not early and early.scheduler is sched.scheduler
with deferred_modules("sched"):
    import sched as again
assert again is sched
"""


def test_a_deferred_module_is_loaded_when_something_of_it_is_used() -> None:
    subprocess.run([sys.executable, "-c", USED_LATER], check=True)


def test_a_module_that_is_there_stays_in_its_place() -> None:
    with deferred_modules("subprocess"):
        assert sys.modules["subprocess"] is subprocess
    assert sys.modules["subprocess"] is subprocess
