"""The ledger as a file: written lines are read, and broken ones are named by number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from store.audit.ledger import compare, kind_of, outline, packages, updated
from store.audit.ledger_file import LADDER, WORLD, LedgerEntry, read, write
from store.errors import EvaluationError, UnknownPackage, UsageError
from store.local.store import Store
from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation, Resolved, Source
from store.model.names import ObjectId
from store.model.origin import BUILT, KEPT, How, Origin
from store.model.realisation import Realisation
from store.model.verdict import Verdict

MADE = ObjectId(b"d" * 20, "toy")
ENTRIES = [
    LedgerEntry("zig", "stage1.toy", "out", b"2" * 32, None),
    LedgerEntry("debian", "stage1.toy", "out", b"1" * 32, MADE),
    LedgerEntry("debian", "stage1.toy", "lib", b"1" * 32, None),
]


def catalogue() -> Catalogue:
    node = Derivation(name="toy", system="x", builder="/bin/sh", outputs=("out", "lib"))
    names = ("toy", "stage1.toy")
    return Catalogue({name: Package(name, node.digest) for name in names}, collect([node]))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = str(tmp_path / "ledger.tsv")
    write(path, ENTRIES)
    assert sorted(read(path).values(), key=lambda entry: entry.place) == sorted(
        ENTRIES, key=lambda entry: entry.place
    )


def test_it_is_sorted_whatever_the_order_was(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    write(str(one), ENTRIES)
    write(str(other), reversed(ENTRIES))
    assert one.read_text() == other.read_text()
    assert [line.split("\t")[:3] for line in one.read_text().splitlines()[1:]] == [
        ["debian", "stage1.toy", "lib"],
        ["debian", "stage1.toy", "out"],
        ["zig", "stage1.toy", "out"],
    ]


@pytest.mark.parametrize(
    "line",
    [
        "debian\ttoy\tout\tzz\t-",
        "debian\ttoy\tout\t00\t-",
        f"debian\ttoy\tout\t{'00' * 32}\t/elsewhere",
        f"debian\ttoy\tOUT\t{'00' * 32}\t-",
        "debian\ttoy",
        "",
    ],
)
def test_a_line_that_cannot_be_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "ledger.tsv"
    write(str(path), ENTRIES[:1])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(EvaluationError, match=r"ledger\.tsv:3: "):
        read(str(path))


def test_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="cannot be read"):
        read(str(tmp_path / "ledger.tsv"))
    (tmp_path / "ledger.tsv").write_text("something else\n")
    with pytest.raises(EvaluationError, match="not a ledger"):
        read(str(tmp_path / "ledger.tsv"))


def test_of_several_names_for_one_node_the_longest_stands_in_it() -> None:
    assert list(packages(catalogue())) == ["stage1.toy"]
    assert [place[1:] for place in outline(catalogue(), "debian")] == [
        ("stage1.toy", "out"),
        ("stage1.toy", "lib"),
    ]


@pytest.mark.parametrize("origin", [BUILT, KEPT, Origin(How.TRUSTED, b"/elsewhere")])
def test_what_was_not_built_here_is_neither_written_nor_an_agreement(
    tmp_path: Path, origin: Origin
) -> None:
    node = Derivation(name="toy", system="x", builder="/bin/sh")
    toys = Catalogue({"toy": Package("toy", node.digest)}, collect([node]))
    resolved = node.resolve({})
    store = Store.open(str(tmp_path / "root"))
    made = Realisation(resolved.digest, "out", MADE, "u", "h", "full", None, 1, 1, origin=origin)
    store.index.write(lambda txn: txn.realisations.add(made))
    (entry,) = updated(store, {"debian": toys}, {})
    assert entry.object == (MADE if origin is BUILT else None)
    noted = {entry.place: LedgerEntry("debian", "toy", "out", node.digest, MADE)}
    (finding,) = compare(store, toys, "debian", noted)
    assert (finding.verdict is Verdict.REPRODUCED) == (origin is BUILT)
    assert ("imported" in finding.detail) == (origin is not BUILT)
    store.close()


# -- the world's ----------------------------------------------------------------------------------


def world(note: str) -> Catalogue:
    """A package of the world above a seed's own node, its source, its check, a package of the
    project's own source, and one that is built with that."""
    below = Derivation(f"below-{note}", "x", "/bin/sh")
    source = Derivation("zlib-source", "x", "/bin/sh")
    zlib = Derivation("zlib", "x", "/bin/sh", inputs=tuple(sorted((below.ref(), source.ref()))))
    check = Derivation("zlib-check", "x", "/bin/sh", inputs=(zlib.ref(),))
    ours = Source("fixpoint.tar", "0" * 64, ("project:/checkout",))
    fixpoint = Derivation("fixpoint", "x", "/bin/sh", inputs=(ours.ref(),))
    image = Derivation("image", "x", "/bin/sh", inputs=(fixpoint.ref(),))
    found = (
        Package("stage2.below", below.digest, group="base"),
        Package("source.zlib", source.digest, group="world-sources"),
        Package("zlib", zlib.digest, group="libs"),
        Package("zlib.check", check.digest, group="checks"),
        Package("source.fixpoint", ours.digest, group="world-sources"),
        Package("fixpoint", fixpoint.digest, group="system"),
        Package("image", image.digest, group="system"),
    )
    nodes = collect([below, source, zlib, check, ours, fixpoint, image])
    return Catalogue({each.name: each for each in found}, nodes)


WORLDS = {"debian": world("debian"), "zig": world("zig")}


def test_the_world_has_a_line_for_each_derivation(store: Store, tmp_path: Path) -> None:
    entries = updated(store, WORLDS, {}, WORLD)
    path = str(tmp_path / "world.tsv")
    write(path, entries, WORLD)
    lines = [line.split("\t") for line in Path(path).read_text().splitlines()]
    assert lines[0] == ["package", "output", "derivation", "path"]
    assert [line[0] for line in lines[1:]] == ["source.zlib", "zlib", "zlib"]
    assert lines[1:] == sorted(lines[1:])
    assert read(path, WORLD) == {entry.place: entry for entry in entries}
    with pytest.raises(EvaluationError, match="not a ledger") as refused:
        read(path)
    assert refused.value.hint is not None
    assert list(packages(WORLDS["zig"])) == ["stage2.below"]


def test_checks_and_packages_of_the_project_are_in_no_ledger() -> None:
    catalogue = WORLDS["debian"]
    assert kind_of(catalogue, "stage2.below^out") is LADDER
    assert kind_of(catalogue, "source.zlib") is kind_of(catalogue, "zlib") is WORLD
    for name in ("zlib.check", "fixpoint", "source.fixpoint", "image"):
        with pytest.raises(UsageError, match=name):
            kind_of(catalogue, name)
    with pytest.raises(UnknownPackage):
        kind_of(catalogue, "zlob")


def test_a_path_of_the_world_is_the_same_on_each_seed(store: Store) -> None:
    zlib = WORLDS["zig"].nodes[WORLDS["zig"].packages["zlib"].node]
    assert isinstance(zlib, Derivation)
    objects = {ref: ObjectId(b"o" * 20, ref.name) for ref in zlib.refs}
    for ref in zlib.refs:
        node = WORLDS["zig"].nodes[ref.node]
        assert isinstance(node, Derivation)
        built(store, node.resolve({}), objects[ref])
    made = ObjectId(b"d" * 20, "zlib")
    built(store, zlib.resolve(objects), made)
    entries = {entry.place: entry for entry in updated(store, WORLDS, {}, WORLD)}
    on_debian = WORLDS["debian"].packages["zlib"].node.hex()
    paths = {place: entry.object for place, entry in entries.items() if place[0] == "zlib"}
    assert paths["zlib", "out", on_debian] is None
    other = replace(entries["zlib", "out", zlib.digest.hex()], object=ObjectId(b"p" * 20, "zlib"))
    for noted, verdict in (
        (entries, Verdict.REPRODUCED),
        (entries | {other.place: other}, Verdict.DIFFERS),
    ):
        (finding,) = compare(store, WORLDS["zig"], "zig", noted, ["zlib"], WORLD)
        assert finding.verdict is verdict
        assert finding.seeds == ("zig",)
    (finding,) = compare(store, WORLDS["debian"], "debian", entries, ["zlib"], WORLD)
    assert (finding.expected, finding.detail) == (made, "it is not realised in this store")
    del entries["zlib", "out", on_debian]
    (finding,) = compare(store, WORLDS["debian"], "debian", entries, ["zlib"], WORLD)
    assert "has changed" in finding.detail


def built(store: Store, node: Resolved, made: ObjectId) -> None:
    record = Realisation(node.digest, "out", made, "u", "h", "full", None, 1, 1, origin=BUILT)
    store.index.write(lambda txn: txn.realisations.add(record))
