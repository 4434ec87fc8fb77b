"""Which of another store's records count: a signature, a look at a source, or the user's word."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from store.index.foreign import Told
from store.index.schema import Node
from store.local.store import Store
from store.model.derivation import Resolved, Source
from store.model.file_tree import Node as TreeNode
from store.model.file_tree import link
from store.model.names import ObjectId
from store.model.origin import How, Origin
from store.model.realisation import Realisation
from store.substitute.belief import Judge, Vouched

TEXT = b"a source\n"
SOURCE = Source("file.txt", hashlib.sha256(TEXT).hexdigest(), ("file:///file.txt",))
BUILD = Resolved("thing", "s", "/b")
PLACE = "/other"


def added(store: Store, name: str, text: bytes = TEXT) -> ObjectId:
    path = Path(store.layout.tmp, "added")
    path.write_bytes(text)
    oid = store.objects.add(str(path), name)
    path.unlink()
    return oid


def record(node: Node, oid: ObjectId, output: str = "out") -> Realisation:
    return Realisation(node.digest, output, oid, "anne", "box", "full", None, 5, 1000)


def judge(store: Store, *oids: ObjectId, unsigned: bool = False) -> Judge:
    roots = {oid: store.objects.manifest(oid).root for oid in oids}
    return Judge(store.layout, roots, PLACE, unsigned)


def test_a_signed_record_counts_with_its_signers(store: Store) -> None:
    oid = added(store, "thing")
    one = judge(store, oid)
    tree = store.objects.manifest(oid).root.digest()
    one.hear_signed(Vouched(record(BUILD, oid), ("key-1", "key-2"), tree))
    one.hear(Told(record(BUILD, oid), BUILD))
    origin = Origin(How.SIGNED, os.fsencode(PLACE), ("key-1", "key-2"))
    assert one.judged.accepted == [replace(record(BUILD, oid), origin=origin)]
    assert one.judged.nodes == [BUILD]
    assert (one.judged.passed_over, one.judged.refused) == ([], [])


def test_a_signature_of_another_tree_is_a_lie(store: Store) -> None:
    oid = added(store, "thing")
    one = judge(store, oid)
    one.hear_signed(Vouched(record(BUILD, oid), ("key",), b"t" * 32))
    one.hear(Told(record(BUILD, oid), BUILD))
    assert one.judged.accepted == []
    assert one.judged.refused == [f"{oid} has another tree than was signed"]
    assert one.judged.passed_over == [record(BUILD, oid)]


@pytest.mark.parametrize("unsigned", [False, True])
def test_the_other_stores_word_counts_only_if_the_user_says_so(
    store: Store, unsigned: bool
) -> None:
    oid = added(store, "thing")
    one = judge(store, oid, unsigned=unsigned)
    one.hear(Told(record(BUILD, oid), BUILD))
    one.hear(Told(replace(record(BUILD, oid), started=6), None))
    found = one.judged
    assert [each.origin.how for each in found.accepted] == [How.TRUSTED] * (2 * unsigned)
    assert found.nodes == [BUILD] * unsigned
    assert len(found.passed_over) == 2 * (not unsigned)


@pytest.mark.parametrize("unsigned", [False, True])
def test_a_source_is_looked_at_and_needs_nobodys_word(store: Store, unsigned: bool) -> None:
    oid = added(store, SOURCE.name)
    one = judge(store, oid, unsigned=unsigned)
    one.hear(Told(record(SOURCE, oid), SOURCE))
    (found,) = one.judged.accepted
    assert (found.key, found.object, found.level) == (SOURCE.digest, oid, "fetch")
    assert found.origin == Origin(How.CHECKED, os.fsencode(PLACE))
    assert found.builder != "anne"  # it was checked here, whoever fetched it there
    # Where it is fetched from is nothing that a look at the file shows.
    assert one.judged.nodes == [SOURCE] * unsigned


def test_a_file_that_is_not_the_source_is_refused_whoever_says_so(store: Store) -> None:
    other = added(store, SOURCE.name, b"other\n")
    one = judge(store, other, unsigned=True)
    one.hear(Told(record(SOURCE, other), SOURCE))
    assert one.judged.accepted == []
    assert one.judged.refused == [f"{other} is not the source file.txt: it has another hash"]


def test_a_source_is_a_file_with_its_mode(store: Store) -> None:
    oid = added(store, SOURCE.name)
    root = store.objects.manifest(oid).root
    trees: list[TreeNode] = [link(b"file.txt"), replace(root, executable=True)]
    for tree in trees:
        one = Judge(store.layout, {oid: tree}, PLACE, unsigned=True)
        one.hear(Told(record(SOURCE, oid), SOURCE))
        assert one.judged.accepted == []
        assert one.judged.refused == [f"{oid} is not the source file.txt: it is no such file"]


def test_a_source_whose_file_cannot_be_read_is_refused_once_and_again(store: Store) -> None:
    oid = added(store, SOURCE.name)
    one = judge(store, oid)
    os.rename(store.layout.object(oid), f"{store.layout.tmp}/away")
    for _ in range(2):
        one.hear(Told(record(SOURCE, oid), SOURCE))
    assert len(one.judged.refused) == 2
    assert one.judged.accepted == []


def test_a_record_that_cannot_be_true_is_refused(store: Store) -> None:
    oid = added(store, "thing")
    named = added(store, "elsewhat")
    one = judge(store, oid, named, unsigned=True)
    one.hear(Told(record(BUILD, oid, "lib"), BUILD))
    one.hear(Told(record(BUILD, named), BUILD))
    assert one.judged.accepted == []
    assert one.judged.refused == [
        "thing has no output 'lib'",
        f"{named} cannot be made by thing",
    ]


def test_records_of_objects_that_are_not_imported_are_nobodys_concern(store: Store) -> None:
    oid = added(store, "thing")
    one = judge(store, unsigned=True)
    one.hear_signed(Vouched(record(BUILD, oid), ("key",)))
    one.hear(Told(record(BUILD, oid), BUILD))
    found = one.judged
    assert not (found.accepted or found.passed_over or found.nodes or found.refused)
