"""Sessions: the files that they open, and their errors where there is nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import store
from store.errors import EvaluationError, NoStore, UnknownObject
from store.operations.session import Session, may_be_store


def test_a_session_opens_nothing_before_it_is_used(tmp_path: Path) -> None:
    with Session(str(tmp_path / "root")) as session:
        assert session.seed
    assert not (tmp_path / "root").exists()


def test_a_session_adds_finds_and_collects(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    with Session(str(tmp_path / "root")) as session:
        kept = session.add(str(tmp_path / "file"), link=str(tmp_path / "link"))
        other = session.add(str(tmp_path / "file"), "other")
        assert session.object(str(tmp_path / "link")) == kept
        assert Path(session.path(kept)).read_text() == "content"
        outcome = session.collect()
        assert outcome.deleted == [other]
        with pytest.raises(UnknownObject):
            session.object(other.path)
    assert may_be_store(str(tmp_path / "root"))


def damage(path: str) -> None:
    """Write something else into a file of the store."""
    os.chmod(path, 0o644)
    Path(path).write_text("CONTENT")


def test_a_session_repairs_what_another_store_has(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    roots = [str(tmp_path / "one"), str(tmp_path / "two")]
    with Session(roots[0]) as session, Session(roots[1]) as other:
        oid, same = (each.add(str(tmp_path / "file"), "file") for each in (session, other))
        assert oid == same
        assert session.repair() == []
        damage(session.path(oid))
        assert session.repair(source=roots[1]) == []
        assert Path(session.path(oid)).read_text() == "content"
        damage(session.path(oid))
        assert [(item.kind, item.object) for item in session.repair()] == [("missing", oid)]
        assert not os.path.lexists(session.path(oid))


def test_where_no_store_may_be_made_there_is_none(tmp_path: Path) -> None:
    session = Session(str(tmp_path / "root"), absent="refuse")
    with pytest.raises(NoStore):
        session.store  # noqa: B018
    empty = Session(str(tmp_path / "root"), absent="empty")
    assert empty.store.objects.all() == []
    assert not (tmp_path / "root").exists()


def test_a_seed_is_a_name(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError):
        Session(str(tmp_path / "root")).catalogue_on("../elsewhere")


def test_recipes_that_do_not_evaluate_are_evaluated_once(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    stages = tmp_path / "recipes" / "stages.py"
    stages.write_text("none_such\n")
    with Session(str(tmp_path / "root"), str(tmp_path / "recipes")) as session:
        with pytest.raises(EvaluationError) as first:
            session.catalogue  # noqa: B018
        stages.unlink()  # another evaluation would say so
        with pytest.raises(EvaluationError) as second:
            session.object("package")
    assert second.value is first.value


def test_the_package_has_what_it_says_and_nothing_else() -> None:
    for name in store.__all__:
        assert getattr(store, name) is not None
    with pytest.raises(AttributeError):
        store.nothing_of_the_kind  # noqa: B018
