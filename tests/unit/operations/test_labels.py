"""The names of objects for people, and the groups that they are drawn in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.errors import EvaluationError
from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation, Resolved, Source
from store.model.names import ObjectId
from store.operations.labels import DEAD, labels_of
from store.operations.session import Session
from store.usage.shares import NOBODY, Share
from tests.realised import realised

SOURCE = Source("pump-1.tar", "1" * 64, ("file:///pump-1.tar",))
PUMP = Derivation("pump-1", "s", "/b", inputs=(SOURCE.ref(),), outputs=("lib", "out"))
CATALOGUE = Catalogue(
    {
        "source.pump": Package("source.pump", SOURCE.digest),
        "pump": Package("pump", PUMP.digest),
        "stage1.pump": Package("stage1.pump", PUMP.digest),
    },
    collect([SOURCE, PUMP]),
)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session(str(tmp_path / "root")) as session:
        session.__dict__["catalogue"] = CATALOGUE  # as if the recipes had been evaluated
        yield session


def made(session: Session, value: Source | Resolved, node: bytes, level: str) -> list[ObjectId]:
    """Objects of all outputs, registered as made so."""
    return [*realised(session.store, value, node, f"{value.name} {level}", level=level).values()]


def labelled(session: Session, *oids: ObjectId, owner: int = 0) -> list[tuple[str, str]]:
    labels = labels_of(session)
    shares = [Share(oid, 1, owner, 1, 0, 1.0, 1) for oid in oids]
    return [(labels.kind(share), labels.name(share)) for share in shares]


def test_what_recipes_make_is_called_by_its_package_and_stage(session: Session) -> None:
    (source,) = made(session, SOURCE, SOURCE.digest, "fetch")
    objects = made(session, PUMP.resolve({SOURCE.ref(): source}), PUMP.digest, "full")
    assert labelled(session, source, *objects) == [
        ("sources", "source.pump"),
        ("stage1", "stage1.pump^lib"),
        ("stage1", "stage1.pump"),
    ]


def test_what_no_recipe_makes_is_called_by_its_own_name_and_maker(
    session: Session, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("added")
    added = session.add(str(tmp_path / "file"), "note")
    other = Source("other", "2" * 64, ("file:///other",))
    tree, image = (
        Resolved("tree", "s", "builtin:unpack"),
        Resolved("image", "s", "builtin:image", ("format=tar",)),
    )
    built = Resolved("thing", "s", "/b")
    rows: list[tuple[Source | Resolved, str]] = [
        (other, "fetch"),
        (tree, "builtin"),
        (image, "builtin"),
        (built, "full"),
    ]
    objects = [made(session, value, value.digest, level)[0] for value, level in rows]
    assert labelled(session, added, *objects) == [
        ("added", "note"),
        ("sources", "other"),
        ("unpacked", "tree"),
        ("images", "image"),
        ("built", "thing"),
    ]


def test_what_nothing_keeps_is_dead_whatever_it_is(session: Session) -> None:
    (source,) = made(session, SOURCE, SOURCE.digest, "fetch")
    assert labelled(session, source, owner=NOBODY) == [(DEAD, "source.pump")]


def test_recipes_that_do_not_evaluate_say_nothing(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Session, seed: str) -> Catalogue:
        raise EvaluationError("no")

    (source,) = made(session, SOURCE, SOURCE.digest, "fetch")
    del session.__dict__["catalogue"]
    monkeypatch.setattr(Session, "catalogue_on", refuse)
    assert labelled(session, source) == [("sources", "pump-1.tar")]
