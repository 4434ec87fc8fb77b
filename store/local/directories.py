"""The folders of a new store."""

from __future__ import annotations

import contextlib
import os

from store.errors import storage_error
from store.layout import opening
from store.layout.paths import Layout
from store.system.durable import sync_folder


def make_directories(layout: Layout) -> None:
    """Make the folders of a new store; the index's is the last, as it shows that all are there."""
    folders = [path for path in layout.directories if path != layout.index]
    above = os.path.dirname(layout.root)
    while not os.path.isdir(above):
        above = os.path.dirname(above)
    try:
        os.makedirs(layout.root, 0o755, exist_ok=True)
        opening.take(layout)
        for path in folders:
            os.makedirs(path, 0o700 if path in layout.private else 0o755, exist_ok=True)
        sync_folder(layout.root)
        os.makedirs(layout.index, 0o755, exist_ok=True)
        sync_folder(layout.root)
        _sync_above(layout.root, above)
    except OSError as error:
        raise storage_error(error, f"cannot make a store at {layout.root}") from error


def _sync_above(path: str, last: str) -> None:
    """Wait until the names of ``path`` and of the new folders above it, below ``last``, last."""
    while path != last:
        path = os.path.dirname(path)
        with contextlib.suppress(PermissionError):  # not ours to read, so not made by us
            sync_folder(path)
