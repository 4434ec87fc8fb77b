"""``python -m scripts.benchmark.opening ROOT``: prints the seconds that opening a store takes.

A store is open when it has answered a first question. The time of imports is not counted, as
every command pays for it whatever the store's size is.
"""

from __future__ import annotations

import sys
import time

from store.local.store import Store
from store.model.names import ObjectId

NOBODY = ObjectId(bytes(20), "nobody")


def main() -> None:
    """Open the store at the given root and ask for an object that is not there."""
    began = time.perf_counter()
    Store.open(sys.argv[1]).objects.present(NOBODY)
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main()
