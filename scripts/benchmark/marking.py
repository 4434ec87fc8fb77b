"""``python -m scripts.benchmark.marking ROOT``: prints how many objects of a store are dead.

That is a collection's first half, roots and mark, without a list of what each object would free.
"""

from __future__ import annotations

import sys

from store.gc.plan import make_plan
from store.gc.policy import Policy
from store.store import Store


def main() -> None:
    """Decide for the store at the given root, under no policy."""
    print(len(make_plan(Store.open(sys.argv[1]), Policy()).dead))


if __name__ == "__main__":
    main()
