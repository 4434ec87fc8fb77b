"""``python -m scripts.benchmark.marking ROOT``: prints how many objects of a store are dead, and
how many bytes of memory telling took at the peak.

That is a collection's first half, roots and mark, without a list of what each object would free.
"""

from __future__ import annotations

import sys

from store.gc.plan import make_plan
from store.gc.policy import Policy
from store.local.store import Store


def main() -> None:
    """Decide for the store at the given root, under no policy."""
    dead = len(make_plan(Store.open(sys.argv[1]), Policy()).dead)
    print(dead, _peak())


def _peak() -> int:
    """Bytes resident at most. wait(2) also counts the memory of the process's parent."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main()
