"""Missing objects are made from present ones by the shortest way that the index remembers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from store.errors import UnknownObject
from store.job_errors import BuildFailed
from store.jobs.lower import BuildLimits
from store.local.leases import Lease
from store.local.store import Store
from store.model.derivation import Derivation, Resolved, Source
from store.model.identity import object_id
from store.model.names import ObjectId
from store.model.result import Made, Result
from store.substitute.rebuilder import Rebuilder, Terms
from store.substitute.recorded import THERE, Recorded, remember


class Past:
    """A store that made objects which are missing; those ``kept`` were added."""

    def __init__(self, place: Path) -> None:
        self.store = Store.open(str(place / "root"))
        self.place = place

    def kept(self, name: str) -> ObjectId:
        (self.place / name).write_text(name)
        return self.store.objects.add(str(self.place / name), name)

    @staticmethod
    def gone(name: str) -> ObjectId:
        return object_id(name, b"\1" * 32, (), False)

    def made(
        self,
        oids: Sequence[ObjectId],
        by: str,
        inputs: Sequence[ObjectId] = (),
        rootfs: ObjectId | None = None,
    ) -> Resolved:
        """Record that these were the outputs of a build, known from others ``by`` something, which
        names its inputs."""
        outputs = ("out", "lib")[: len(oids)]
        script = f"{by} {' '.join(oid.path for oid in inputs)}"
        node = Resolved(
            oids[0].name,
            "x",
            "/bin/sh",
            (script,),
            (),
            rootfs,
            tuple(sorted(inputs)),
            outputs=outputs,
            files=(("build.sh", script),),
        )
        self._record(node.digest, node, oids)
        return node

    def fetched(self, oid: ObjectId) -> Source:
        node = Source(oid.name, "0" * 64, (f"file:///nowhere/{oid.name}",))
        self._record(node.digest, node, [oid])
        return node

    def _record(self, key: bytes, node: Source | Resolved, oids: Sequence[ObjectId]) -> None:
        self.store.realisations.record_nodes(node)
        results = tuple(
            Made(output, oid, (), False, 1) for output, oid in zip(node.outputs, oids, strict=True)
        )
        self.store.realisations.register(key, key, node, Result(results, "full", 1, 1.0))
        with self.store.index.read() as txn:
            numbers = [txn.objects.known(oid) for oid in oids]
        self.store.index.write(lambda txn: [txn.objects.unregister(number) for number in numbers])


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return Past(tmp_path)


def resolved_again(found: Recorded) -> dict[str, bytes]:
    """The keys that the nodes of builds have when all comes out as before, by name."""
    outcome = {
        node.ref(output): oid
        for digest, node in found.catalogue.nodes.items()
        for output, oid in found.objects[digest].items()
    }
    return {
        node.name: node.resolve(outcome).digest
        for node in found.catalogue.nodes.values()
        if isinstance(node, Derivation) and node.builder != THERE
    }


def test_builds_and_sources_down_to_what_is_there(past: Past) -> None:
    tools = past.kept("tools")
    archive, root, below, goal = map(past.gone, ("archive", "root", "below", "goal"))
    source = past.fetched(archive)
    keys = {
        "root": past.made([root], "root", [archive]).digest,
        "below": past.made([below], "below", [tools], root).digest,
        "goal": past.made([goal], "goal", [below, tools], root).digest,
    }
    found = remember(past.store, [goal])
    assert resolved_again(found) == keys
    assert found.present == {tools}
    assert found.catalogue.nodes[source.digest] == source
    assert {oid for objects in found.objects.values() for oid in objects.values()} == {
        *(tools, archive, root, below, goal)
    }
    order = list(found.catalogue.build_closure([found.goals[goal].node]))
    assert len(order) == 5
    # What is named comes out of the references, so that another object would be named instead.
    node = found.catalogue.nodes[found.goals[goal].node]
    assert isinstance(node, Derivation)
    assert below.text not in node.args[0]
    assert node.files == (("build.sh", node.args[0]),)


def test_an_object_that_was_once_made_from_itself_has_another_beginning(past: Past) -> None:
    seed, first, second = past.kept("seed"), past.gone("first"), past.gone("second")
    beginning = past.made([first], "stage-1", [seed])
    between = past.made([second], "between", [first])
    past.made([first], "stage-2", [second])
    found = remember(past.store, [second])
    assert resolved_again(found) == {"first": beginning.digest, "second": between.digest}


def test_of_a_build_with_several_outputs_each_can_be_named(past: Past) -> None:
    seed, out, lib, goal = (
        past.kept("seed"),
        past.gone("pair"),
        past.gone("pair-lib"),
        past.gone("goal"),
    )
    past.made([out, lib], "pair", [seed])
    past.made([goal], "goal", [out, lib])
    found = remember(past.store, [goal])
    (node,) = (node for node in found.catalogue.nodes.values() if node.name == "pair")
    assert found.objects[node.digest] == {"out": out, "lib": lib}
    assert len(found.catalogue.nodes) == 3


def test_what_was_added_and_is_gone_is_named(past: Past) -> None:
    added, goal = past.gone("added"), past.gone("goal")
    past.made([goal], "goal", [added])
    with pytest.raises(UnknownObject, match=f"{goal}.*cannot be made again: it needs {added}"):
        remember(past.store, [goal])
    with pytest.raises(UnknownObject, match=f"{added}.*cannot be made again$"):
        remember(past.store, [added])


def rebuilding(past: Past, *calls: Exception | None) -> tuple[Rebuilder, list[Recorded]]:
    """Building again, with a scheduler that fails, or makes something else."""
    asked: list[Recorded] = []
    answers = iter(calls)

    def realise(found: Recorded, lease: Lease) -> None:
        asked.append(found)
        error = next(answers)
        if error is not None:
            raise error

    return Rebuilder(past.store, Terms(BuildLimits(1)), realise=realise), asked


def test_an_input_that_comes_out_otherwise_is_told(past: Past) -> None:
    seed, below, goal = past.kept("seed"), past.gone("below"), past.gone("goal")
    past.made([below], "below", [seed])
    past.made([goal], "goal", [below])
    way, asked = rebuilding(past, None)
    with pytest.raises(UnknownObject, match=f"{below}.*a rebuild makes another object"):
        way.manifest(goal)
    assert [set(found.goals) for found in asked] == [{below}]


def test_an_input_that_fails_is_built_only_once(past: Past) -> None:
    seed, below, goal = past.kept("seed"), past.gone("below"), past.gone("goal")
    past.made([below], "below", [seed])
    past.made([goal], "goal", [below])
    way, asked = rebuilding(past, BuildFailed("below", "exit status 7"))
    for _ in range(2):
        with pytest.raises(BuildFailed, match="exit status 7"):
            way.manifest(goal)
    assert len(asked) == 1


def test_what_is_damaged_below_is_not_built_with(past: Past) -> None:
    seed, below, goal = past.kept("seed"), past.gone("below"), past.gone("goal")
    past.made([below], "below", [seed])
    past.made([goal], "goal", [below])
    path = Path(past.store.layout.object(seed))
    path.chmod(0o644)
    path.write_text("dees")
    way, asked = rebuilding(past)
    with pytest.raises(UnknownObject, match=f"{seed}.*is damaged"):
        way.manifest(goal)
    assert asked == []
