"""Work on many things: by several processes where that pays, and without looks for garbage."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

R = TypeVar("R")
T = TypeVar("T")


def each(work: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T], least: int) -> list[R]:
    """What ``work`` finds for each of the items it gets, in the order of all items; by as many
    processes as pay when each gets ``least`` or more."""
    if len(items) < 2 * least:
        return list(work(items))
    from store.system.parallel import share_out  # a short command can do without

    parts = share_out(work, items, least)
    found = [parts[0][0]] * len(items)
    for number, part in enumerate(parts):
        found[number :: len(parts)] = part
    return found


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Without looks for cycles of garbage: manifests and copied trees have none, and are large."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
