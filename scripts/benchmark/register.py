"""``python -m scripts.benchmark.register ROOT < DUMP``: registers objects, as one process.

The dump is what ``nix-store --load-db`` reads, with our paths: for each object its path, a hash,
its size, an empty line, the number of its references and these. All go in one transaction.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from store.index.env import Index
from store.index.schema import ObjectEntry
from store.layout.paths import Layout
from store.model.names import ObjectId


def read(lines: Iterator[str]) -> Iterator[ObjectEntry]:
    """Each object with its references and its size in bytes."""
    known: dict[str, ObjectId] = {}
    for path in lines:
        next(lines)
        size = int(next(lines))
        next(lines)
        below = [known[next(lines)] for _ in range(int(next(lines)))]
        known[path] = ObjectId.from_path(path.rstrip())
        yield ObjectEntry(known[path], below, False, size)


def main() -> None:
    """Register what standard input tells in the store at the given root."""
    index = Index.open(Layout(sys.argv[1]).index)
    index.write(lambda txn: txn.objects.register_all(read(sys.stdin)))
    index.close()


if __name__ == "__main__":
    main()
