"""Stores as earlier versions left them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import lmdb

from store.layout.paths import Layout
from store.objects.content import file_digest


def give_second_names(root: str) -> None:
    """Make the store at ``root`` one of schema 3, whose files have second names below ``links/``;
    it has no table of contents, and a collected object has left one name there."""
    layout = Layout(root)
    pool = Path(layout.links)
    pool.mkdir()
    for folder, _, names in os.walk(layout.objects):
        for path in (Path(folder, name) for name in names):
            seen = path.lstat()
            if stat.S_ISREG(seen.st_mode):
                text = file_digest(str(path)).hex() + ("x" if seen.st_mode & 0o100 else "")
                _link(path, pool / text[:2] / text[2:])
    (pool / "ff").mkdir(exist_ok=True)
    (pool / "ff" / ("f" * 62)).write_text("of an object that was collected")
    for name in ("contents.mdb", "contents.mdb-lock", "contents.lock"):
        Path(layout.index, name).unlink(missing_ok=True)
    env = lmdb.open(layout.index, max_dbs=40)
    with env.begin(write=True) as txn:
        txn.put(b"schema", b"3", db=env.open_db(b"meta", txn))
    env.close()


def _link(path: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    if not target.exists():
        target.hardlink_to(path)


def schema(root: str) -> bytes:
    """The schema that the index of the store at ``root`` has."""
    env = lmdb.open(Layout(root).index, max_dbs=40, readonly=True, lock=False)
    meta = env.open_db(b"meta", create=False)
    with env.begin() as txn:
        found = txn.get(b"schema", db=meta)
    env.close()
    return found or b""
