"""A key that is no longer trusted: its records alone count nothing, even after a rebuild."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from store.index.writing import Writer
from store.layout.paths import Layout
from store.local.store import Store
from store.local.withdrawal import withdraw
from store.model.derivation import Resolved
from store.model.names import ObjectId
from store.model.origin import How, Origin
from store.model.realisation import Realisation
from store.recovery.recover import rebuild
from store.signing.keyring import Keyring
from store.signing.keys import PrivateKey

ANNE, BERT, EVE = (PrivateKey.generate(name).public for name in ("anne", "bert", "eve"))
NODE = Resolved("hello", "x", "/bin/hello", ("build",))
PLACES = {
    1: Origin(),
    2: Origin(How.SIGNED, b"/far", (str(EVE),)),
    3: Origin(How.SIGNED, b"/far", tuple(sorted([str(ANNE), str(EVE)]))),
    4: Origin(How.SIGNED, b"/far", (str(ANNE),)),
    5: Origin(How.TRUSTED, b"/far"),
}


def add(record: Realisation, txn: Writer) -> None:
    txn.realisations.add(record)


@pytest.fixture
def root(tmp_path: Path) -> str:
    store = Store.open(str(tmp_path / "store"))
    for number, origin in PLACES.items():
        oid = ObjectId(bytes([number]) * 20, "hello")
        record = Realisation(
            NODE.digest, "out", oid, "u", "h", "full", None, number, 1, origin=origin
        )
        store.index.write(partial(add, record))
    store.close()
    return store.layout.root


def origins(root: str) -> dict[int, Origin]:
    store = Store.open(root)
    try:
        return {item.started: item.origin for item in store.realisations.all()}
    finally:
        store.close()


@pytest.mark.parametrize("lost", [(), ("index/data.mdb",), ("records",)])
def test_what_a_key_alone_signed_is_forgotten_for_good(root: str, lost: tuple[str, ...]) -> None:
    store = Store.open(root)
    done = withdraw(store, [EVE])
    store.close()
    assert [item.started for item in done.forgotten] == [2]
    assert [item.started for item in done.kept] == [3]
    left = {1: PLACES[1], 3: PLACES[4], 4: PLACES[4], 5: PLACES[5]}
    assert origins(root) == left
    for name in lost:
        os.unlink(f"{root}/{name}")
    rebuild(Layout(root))
    assert origins(root) == left


def test_a_key_that_signed_nothing_changes_nothing(root: str) -> None:
    store = Store.open(root)
    assert withdraw(store, [BERT]) == ([], [])
    store.close()
    assert origins(root) == PLACES


def test_a_key_is_taken_out_of_the_file_and_the_rest_stays(tmp_path: Path) -> None:
    ring = Keyring(str(tmp_path / "config"))
    ring.trust([ANNE, EVE])
    with open(ring.trusted_file, "a", encoding="ascii") as stream:
        stream.write(f"# a word\n\n{BERT}\nagain-{EVE}\n")
    assert ring.distrust([EVE]) == [EVE]
    assert ring.trusted() == [ANNE, BERT]
    assert Path(ring.trusted_file).read_text("ascii") == f"{ANNE}\n# a word\n\n{BERT}\n"
    assert ring.distrust([EVE]) == []
    assert os.listdir(ring.folder) == ["trusted-keys"]
