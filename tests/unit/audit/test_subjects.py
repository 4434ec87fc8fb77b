"""The subjects of rebuilds, with their inputs; a node that cannot be one is a finding."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.audit.subjects import AuditSubject, SubjectSurvey
from store.errors import UnknownOutput, UnknownPackage
from store.local.store import Store
from store.model.catalogue import Catalogue, GraphNode, Package, collect
from store.model.derivation import Derivation, Source
from store.model.names import ObjectId
from store.model.verdict import Verdict
from tests.realised import realised

SOURCE = Source("note.txt", "1" * 64, ("file:///note.txt",))
LOW = Derivation("low", "s", "/b", inputs=(SOURCE.ref(),), outputs=("lib", "out"))
HIGH = Derivation("high", "s", "/b", inputs=(LOW.ref(),))
NODES: list[GraphNode] = [SOURCE, LOW, HIGH]
CATALOGUE = Catalogue(
    {
        "source.note": Package("source.note", SOURCE.digest),
        "low": Package("low", LOW.digest),
        "stage1.low": Package("stage1.low", LOW.digest),
        "high": Package("high", HIGH.digest),
    },
    collect(NODES),
)


def all_realised(store: Store) -> dict[str, ObjectId]:
    """The objects of all nodes, by the names of the nodes."""
    (source,) = realised(store, SOURCE, SOURCE.digest, "source").values()
    resolved = LOW.resolve({SOURCE.ref(): source})
    low = realised(store, resolved, LOW.digest, "low")
    high = HIGH.resolve({LOW.ref(): low["out"]})
    return {
        "source": source,
        "low": low["out"],
        "lib": low["lib"],
        "high": realised(store, high, HIGH.digest, "high")["out"],
    }


def survey(store: Store) -> SubjectSurvey:
    return SubjectSurvey(store, CATALOGUE)


def packages(store: Store, *names: str) -> SubjectSurvey:
    found = survey(store)
    found.packages(names)
    return found


def only(found: SubjectSurvey) -> AuditSubject:
    (subject,) = found.subjects
    assert found.findings == []
    return subject


def test_a_package_is_examined_with_its_inputs_and_all_its_outputs(store: Store) -> None:
    made = all_realised(store)
    subject = only(packages(store, "low", "low"))
    assert (subject.kind, subject.node) == ("build", LOW.digest)
    assert subject.value == LOW.resolve({SOURCE.ref(): made["source"]})
    assert subject.closure == (made["source"],)
    assert subject.case.subject == "low"
    assert subject.case.recorded == {"out": (made["low"],), "lib": (made["lib"],)}


def test_an_output_that_is_named_is_examined_alone(store: Store) -> None:
    made = all_realised(store)
    assert only(packages(store, "low^lib")).case.recorded == {"lib": (made["lib"],)}
    with pytest.raises(UnknownOutput):
        packages(store, "low^man")
    with pytest.raises(UnknownPackage):
        packages(store, "lwo")


def test_all_objects_of_a_build_are_compared_with_the_used_one_first(store: Store) -> None:
    made = all_realised(store)
    resolved = LOW.resolve({SOURCE.ref(): made["source"]})
    again = realised(store, resolved, LOW.digest, "again", started=7)
    case = only(packages(store, "low^out")).case
    assert case.recorded == {"out": (made["low"], again["out"])}
    assert case.started == 1


def test_a_source_is_its_own_input(store: Store) -> None:
    made = all_realised(store)
    subject = only(packages(store, "source.note"))
    assert (subject.kind, subject.value, subject.closure) == ("fetch", SOURCE, (made["source"],))


def test_a_path_means_the_build_of_that_object(store: Store) -> None:
    made = all_realised(store)
    subject = only(packages(store, made["lib"].path))
    assert subject.case.recorded == {"lib": (made["lib"],)}
    assert subject.case.subject == made["lib"].path
    assert subject.closure == (made["source"],)


def test_an_object_that_was_not_built_here_is_unknown(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("added")
    oid = store.objects.add(str(tmp_path / "file"), "added")
    (finding,) = packages(store, oid.path).findings
    assert (finding.subject, finding.verdict) == (oid.path, Verdict.UNKNOWN)


def test_each_output_of_what_is_not_realised_is_a_finding(store: Store) -> None:
    found = packages(store, "low", "high")
    assert found.subjects == []
    assert [(each.subject, each.output) for each in found.findings] == [
        ("low", "lib"),
        ("low", "out"),
        ("high", "out"),
    ]
    assert {each.verdict for each in found.findings} == {Verdict.UNKNOWN}
    assert {each.detail for each in found.findings} == {"it is not realised in this store"}


def test_what_lacks_an_input_on_disk_cannot_be_examined(store: Store) -> None:
    made = all_realised(store)
    os.rename(store.layout.object(made["source"]), f"{store.layout.tmp}/away")
    found = packages(store, "low^out", "source.note", made["lib"].path)
    assert found.subjects == []
    detail = f"{made['source']} is not in this store any more"
    assert [(each.subject, each.detail) for each in found.findings] == [
        ("low", detail),
        ("source.note", detail),
        (made["lib"].path, detail),
    ]


def test_a_closure_has_inputs_first_and_the_shortest_names(store: Store) -> None:
    all_realised(store)
    found = survey(store)
    found.closure(["high", "stage1.low"])
    assert found.findings == []
    assert [each.case.subject for each in found.subjects] == ["source.note", "low", "high"]


def test_nodes_of_one_key_are_examined_once(store: Store) -> None:
    all_realised(store)
    # Another derivation that comes to the same build: its input is another source of these bytes.
    twin_source = Source("note.txt", "2" * 64, ("file:///twin.txt",))
    twin = Derivation("low", "s", "/b", inputs=(twin_source.ref(),), outputs=("lib", "out"))
    realised(store, twin_source, twin_source.digest, "source")
    names = {"low": LOW, "twin": twin}
    catalogue = Catalogue(
        {name: Package(name, node.digest) for name, node in names.items()},
        collect([SOURCE, twin_source, LOW, twin]),
    )
    found = SubjectSurvey(store, catalogue)
    found.closure(["low", "twin"])
    builds = [each.case.subject for each in found.subjects if each.kind == "build"]
    assert builds in (["low"], ["twin"])  # whichever comes first in the order of digests
