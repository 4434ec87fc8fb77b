"""Writes the committed cache anew: ``python -m tests.golden.make_cache FOLDER``."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from store import digest
from store.cache.folder_place import FolderPlace
from store.cache.push_plan import plan_push
from store.cache.pushing import push
from store.index.writing import Writer
from store.local.store import Store
from store.model.derivation import Derivation, Source
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.objects.content import source_digest
from store.objects.ingest import ingest
from store.signing.keys import PrivateKey

KEY = PrivateKey(bytes(range(32)), "golden")
HELLO = Derivation("hello-1.0", "x86_64-linux", "/bin/sh", ("-c", "make"))
LOG = b"@phase build\nmade\n"
LARGE = b"".join(b"%07d\n" % number for number in range(150_000))
"""More than a MiB: it has frames of its own."""


def fill(store: Store, work: Path) -> tuple[ObjectId, ObjectId]:
    """Put an object and the source that it was built from into a store."""
    (work / "hello.c").write_text("int main(void) { return 0; }\n")
    (work / "data").write_text("data\n")
    source = Source(
        "hello.c", source_digest(str(work / "hello.c")), ("https://example.org/hello.c",)
    )
    src = store.objects.add(str(work / "hello.c"), "hello.c")
    data = store.objects.add(str(work / "data"), "data")
    tree = work / "tree"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "hello").write_text(f"#!/bin/sh\ncat {data.path}\n")
    (tree / "bin" / "hello").chmod(0o755)
    (tree / "copy").write_text(f"#!/bin/sh\ncat {data.path}\n")
    (tree / "empty").write_text("")
    (tree / "large").write_bytes(LARGE)
    (tree / "link").symlink_to("bin/hello")
    manifest = ingest(store.layout.root, str(tree), HELLO.name, candidates=(data,))
    store.objects.register([manifest])
    _record(store, source, src, manifest.id)
    return manifest.id, src


def _record(store: Store, source: Source, src: ObjectId, made: ObjectId) -> None:
    key, log = HELLO.resolve({}), digest.file_digest(LOG)
    Path(store.start_log(key.digest)).write_bytes(LOG)
    records = [
        Realisation(key.digest, "out", made, "u", "h", "full", log, 1_700_000_000, 1500),
        Realisation(source.digest, "out", src, "u", "h", "fetch", None, 1_700_000_000, 10),
    ]

    def write(txn: Writer) -> None:
        txn.nodes.put([HELLO, key, source])
        for record in records:
            txn.realisations.add(record)
        txn.nodes.put_outcomes({HELLO.digest: key.digest})

    store.index.write(write)


def main() -> None:
    """Make the cache in the folder that is named."""
    with tempfile.TemporaryDirectory() as work:
        store = Store.open(f"{work}/store")
        goals = fill(store, Path(work))
        target = Path(sys.argv[1])
        shutil.rmtree(target, ignore_errors=True)
        push(store, FolderPlace(str(target)), plan_push(store, goals, KEY))
        store.close()


if __name__ == "__main__":
    main()
