"""The object that a user means: by a path, a link, a digest, its beginning, or a package."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.errors import NotRealised, UnknownObject, UnknownOutput
from store.model.catalogue import Catalogue
from store.model.names import ObjectId
from store.operations.lookup import Lookup
from store.operations.session import Session


@pytest.fixture
def tree(session: Session, tmp_path: Path) -> ObjectId:
    """An object that is a folder with a file ``bin/tool``."""
    (tmp_path / "tree/bin").mkdir(parents=True)
    (tmp_path / "tree/bin/tool").write_text("text")
    return session.add(str(tmp_path / "tree"))


def unasked() -> Catalogue:
    """For a lookup that has no need to evaluate recipes."""
    raise AssertionError("the recipes are evaluated")


@pytest.fixture
def lookup(session: Session) -> Lookup:
    """A lookup that evaluates no recipe."""
    return Lookup(session.store, unasked)


def test_a_path_of_thousands_of_parts_is_tried_up_to_the_first_missing(
    lookup: Lookup, tree: ObjectId, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    monkeypatch.setattr(os.path, "lexists", tried.append)
    assert lookup.within(f"{tree.text}{'/a' * 5000}") == (tree, b"/".join([b"a"] * 5000))
    assert tried == [tree.text]


def test_an_object_is_found_by_each_of_its_names(
    session: Session, lookup: Lookup, tree: ObjectId, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(session.path(tree))
    (tmp_path / "far").symlink_to("link")
    (tmp_path / "below").symlink_to(f"{session.path(tree)}/bin")
    named = [tree.path, session.path(tree), f"{tree.path}/bin/tool", tree.text, tree.text[:4]]
    named += [str(tree), *(str(tmp_path / name) for name in ("link", "far", "below", "far/bin"))]
    assert {text: lookup.object(text) for text in named} == dict.fromkeys(named, tree)


@pytest.mark.slow
def test_a_word_without_a_slash_is_a_path_only_of_a_link(
    session: Session, tree: ObjectId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "note").symlink_to(session.path(tree))
    assert session.lookup.object("note") == tree
    (tmp_path / "note").unlink()
    (tmp_path / "note").mkdir()
    with pytest.raises(NotRealised):  # the package
        session.lookup.object("note")


def test_the_beginning_of_several_digests_names_them(
    session: Session, lookup: Lookup, tree: ObjectId, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = session.add(f"{session.path(tree)}/bin/tool", "other")
    # To find two such trees would take a thousand of them.
    monkeypatch.setattr(type(session.store.objects), "find", lambda *_: [tree, other])
    with pytest.raises(UnknownObject, match="begins several digests") as refused:
        lookup.object(tree.text[:4])
    assert str(tree) in refused.value.message and str(other) in refused.value.message
    assert refused.value.hint == "give more of the digest"


def test_a_path_in_the_store_that_is_no_object_is_refused(
    session: Session, lookup: Lookup, tree: ObjectId
) -> None:
    for name in ("nothing", tree.text, f"{tree}x/bin", f"{'0' * 32}-other"):
        with pytest.raises(UnknownObject, match="this store holds no object") as refused:
            lookup.object(f"/store/{name}")
        assert refused.value.hint == "`store list --objects` lists all objects of this store"


def test_an_unknown_word_is_refused_with_near_names(session: Session) -> None:
    with pytest.raises(UnknownObject, match="nor a package; did you mean note"):
        session.lookup.object("noet")
    assert not session.store.objects.find("abcd")
    with pytest.raises(UnknownObject, match="nor a package"):
        session.lookup.object("abcd")  # as a digest begins, and none does


def test_a_missing_object_is_still_found_by_its_registered_path(
    session: Session, lookup: Lookup, tree: ObjectId
) -> None:
    os.rename(session.path(tree), f"{session.path(tree)}.moved")
    for text in (tree.path, session.path(tree), f"{tree.path}/bin"):
        assert lookup.registered(text) == tree
        with pytest.raises(UnknownObject):
            lookup.object(text)
    with pytest.raises(UnknownObject):
        lookup.registered("/store/nothing")


def test_a_path_within_an_object_is_cut_where_the_object_ends(
    session: Session, lookup: Lookup, tree: ObjectId, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(session.path(tree))
    heads = [tree.path, session.path(tree), str(tmp_path / "link"), tree.text[:6]]
    for head in heads:
        assert lookup.within(head) == (tree, b"")
        assert lookup.within(f"{head}/bin/tool") == (tree, b"bin/tool")
        assert lookup.within(f"{head}/") == (tree, b"")


def test_a_path_that_leads_nowhere_near_the_store_is_shown_whole(session: Session) -> None:
    for text in ("/etc/passwd", "./some/file", "../other"):
        with pytest.raises(UnknownObject) as refused:
            session.lookup.within(text)
        assert text in refused.value.message


@pytest.mark.slow
def test_a_package_is_its_realised_output_and_nothing_before(session: Session) -> None:
    with pytest.raises(NotRealised):
        session.lookup.object("note")
    (made,) = session.realise("note").values()
    assert session.lookup.object("note") == session.lookup.object(str(made)) == made
    assert session.lookup.within("note/below") == (made, b"below")
    assert session.lookup.objects("note") == session.lookup.objects("note^out") == [made]
    with pytest.raises(UnknownOutput):
        session.lookup.objects("note^man")
    os.rename(session.path(made), f"{session.path(made)}.moved")
    with pytest.raises(NotRealised):
        session.lookup.object("note")
