"""The command with short bounds on servers: ``python -m tests.impatient WORDS``.

For tests in which a server falls silent, or is busy. Each bound of the command itself is waited for
once, by another test.
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import Final

SILENT: Final = 2.0
"""Seconds without a byte, instead of 15; a loaded machine does not take that long to send one."""


def shorten() -> None:
    """Set the bounds of this process, and of those that it forks."""
    from store.cache import http_client

    bounds = dataclasses.replace(http_client.BOUNDS, connect=1.0, head=SILENT, silent=SILENT)
    for place, value in {
        "store.cache.http_client.BOUNDS": bounds,
        "store.cache.http_place.USUAL_WAIT": 0.05,
    }.items():
        module, _, name = place.rpartition(".")
        vars(importlib.import_module(module))[name]  # there is such a bound
        setattr(importlib.import_module(module), name, value)


if __name__ == "__main__":
    from store.__main__ import run  # first of all, as Ctrl-C has to have its meaning

    shorten()
    run()
