"""Objects whose closures hold two objects of one output of a derivation."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.local.store import Store
from store.model.derivation import Resolved
from store.model.names import ObjectId
from store.model.result import Made, Result
from store.objects.ingest import ingest
from store.verify.finding import Finding
from store.verify.mixed import Alike, check_mixed


def build(name: str, *inputs: ObjectId, rootfs: ObjectId | None = None) -> Resolved:
    """A build that names its inputs in its arguments."""
    args = tuple(each.path for each in inputs)
    return Resolved(name, "s", "/b", args, rootfs=rootfs, inputs=tuple(sorted(inputs)))


def built(store: Store, node: Resolved, content: str, *references: ObjectId) -> ObjectId:
    """The object that the build came out as, with this content and the paths of references."""
    tree = Path(store.layout.tmp, "made")
    tree.write_text(" ".join([content, *(each.path for each in references)]))
    manifest = ingest(store.layout.root, str(tree), node.name, candidates=references)
    tree.unlink()
    made = Made("out", manifest.id, manifest.references, False, manifest.size)
    assert set(made.references) == set(references)
    store.realisations.register(node.digest, node.digest, node, Result((made,), "full", 1, 1.0))
    return made.id


def mixed(store: Store) -> list[Finding]:
    with store.index.read() as txn:
        return list(check_mixed(txn))


def test_what_refers_to_two_objects_of_one_key_is_mixed(store: Store) -> None:
    tool = build("tool")
    one, two = built(store, tool, "1"), built(store, tool, "2")
    assert mixed(store) == []  # nothing holds both
    both = built(store, build("both", one, two), "", one, two)
    alone = built(store, build("alone", one), "", one)
    (finding,) = mixed(store)
    assert (finding.kind, finding.object, finding.path) == ("mixed", both, both.path)
    assert one.path in finding.detail and two.path in finding.detail
    built(store, build("above", both, alone), "", both, alone)
    assert [each.object for each in mixed(store)] == [both]  # the one below is the cause


@pytest.mark.parametrize("by_rootfs", [False, True])
def test_builds_from_alike_inputs_are_alike_a_derivation_higher(
    store: Store, by_rootfs: bool
) -> None:
    tool = build("tool")
    tools = sorted([built(store, tool, "1"), built(store, tool, "2")])

    def library(each: ObjectId) -> Resolved:
        return build("library", rootfs=each) if by_rootfs else build("library", each)

    libraries = [built(store, library(each), f"of {number}") for number, each in enumerate(tools)]
    programs = [built(store, build("program", each), str(each)) for each in libraries]
    both = built(store, build("both", *programs), "", *programs)
    assert [each.object for each in mixed(store)] == [both]


def test_other_builds_from_alike_inputs_are_not_alike(store: Store) -> None:
    tool = build("tool")
    one, two = built(store, tool, "1"), built(store, tool, "2")
    left, right = built(store, build("left", one), "l"), built(store, build("right", two), "r")
    built(store, build("both", left, right), "", left, right)
    assert mixed(store) == []


def test_two_objects_of_different_builds_are_no_mixture(store: Store) -> None:
    one, two = built(store, build("one"), "1"), built(store, build("two"), "2")
    built(store, build("both", one, two), "", one, two)
    assert mixed(store) == []


def test_classes_that_share_an_object_become_one() -> None:
    a, b, c, d, e = (ObjectId(bytes([number]) * 20, "x") for number in range(1, 6))
    alike = Alike()
    assert not alike.join([{a}, {b}])
    assert alike.join([{a, b}, {c, d}])
    assert alike.classes() == [[a, b], [c, d]]
    assert alike.join([{b, d}])
    assert alike.classes() == [[a, b, c, d]]
    assert not alike.join([{a, d}])
    assert {alike.first(each) for each in (a, b, c, d)} == {a}
    assert alike.first(e) == e
