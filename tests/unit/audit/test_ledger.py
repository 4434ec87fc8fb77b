"""The ledger as a file: written lines are read, and broken ones are named by number."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.audit.ledger import LedgerEntry, compare, outline, packages, read, updated, write
from store.errors import EvaluationError
from store.local.store import Store
from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation
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
