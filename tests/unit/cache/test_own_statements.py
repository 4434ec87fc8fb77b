"""The statements that a store has for a cache: of its own builds, by key and by derivation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from store.cache import file_names
from store.cache.own_statements import own_statements
from store.index.writing import Writer
from store.local.store import Store
from store.model.derivation import Derivation
from store.model.names import ObjectId
from store.model.origin import How, Origin
from store.model.realisation import Realisation
from store.signing import envelope, statement
from store.signing.keys import PrivateKey

ANNE = PrivateKey(b"\1" * 32, "anne")
HELLO = Derivation("hello", "x86_64-linux", "/bin/sh")
OTHER = replace(HELLO, args=("other",))
BUILD = HELLO.resolve({})


def made(store: Store, tmp_path: Path, origin: Origin | None = None) -> ObjectId:
    """An object that the store has by a build of its own, or by another origin."""
    (tmp_path / "hello").write_text("hello\n")
    oid = store.objects.add(str(tmp_path / "hello"), "hello")
    record = Realisation(BUILD.digest, "out", oid, "u", "h", "full", b"\5" * 32, 1_700_000_000, 9)

    def write(txn: Writer) -> None:
        txn.nodes.put([BUILD])
        txn.realisations.add(record if origin is None else replace(record, origin=origin))
        txn.nodes.put_outcomes({HELLO.digest: BUILD.digest, OTHER.digest: BUILD.digest})

    store.index.write(write)
    return oid


def test_a_build_is_said_by_its_key_and_by_each_derivation(store: Store, tmp_path: Path) -> None:
    oid = made(store, tmp_path)
    found = {each.file: each for each in own_statements(store, [oid], ANNE)}
    me = ANNE.public.id
    assert found.keys() == {
        file_names.by_key(BUILD.digest, me),
        file_names.by_derivation(HELLO.digest, me),
        file_names.by_derivation(OTHER.digest, me),
    }
    tree = store.objects.manifest(oid).root.digest()
    for each in found.values():
        sealed = envelope.parse(each.line.encode())
        assert envelope.check(sealed, [ANNE.public])[0] == {ANNE.public}
        record, told = statement.recorded(sealed.payload)
        assert (record.object, record.key, told) == (oid, BUILD.digest, tree)
    line = found[file_names.by_derivation(OTHER.digest, me)].line
    outcome = statement.read_outcome(envelope.parse(line.encode()).payload)
    assert (outcome.derivation, outcome.name) == (OTHER.digest, "hello")


def test_the_same_is_said_in_the_same_bytes(store: Store, tmp_path: Path) -> None:
    oid = made(store, tmp_path)
    assert list(own_statements(store, [oid], ANNE)) == list(own_statements(store, [oid], ANNE))


@pytest.mark.parametrize(
    "origin",
    [
        Origin(How.SIGNED, b"https://example.org", ("anne:" + "A" * 43 + "=",)),
        Origin(How.TRUSTED, b"/srv/store"),
        Origin(How.KEPT),
    ],
)
def test_nothing_is_said_of_another_stores_builds(
    store: Store, tmp_path: Path, origin: Origin
) -> None:
    assert list(own_statements(store, [made(store, tmp_path, origin)], ANNE)) == []
