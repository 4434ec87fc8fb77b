"""Equal files become one again, and damage does not spread."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.index.content_table import ContentTable
from store.local.store import Store
from store.verify.finding import Finding
from store.verify.optimise import optimise
from store.verify.verifier import Verifier


def kinds(store: Store) -> set[str]:
    found: list[Finding] = []
    Verifier(store, found.append, contents=True).run()
    return {finding.kind for finding in found}


def tamper(path: str, text: str) -> None:
    os.chmod(path, 0o644)
    Path(path).write_text(text)
    os.utime(path, ns=(10**9, 10**9))
    os.chmod(path, 0o444)


@pytest.fixture
def store(store: Store, tmp_path: Path) -> Store:
    """Two objects with one file in common, of which neither knows where the other has it."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same").write_text("same\n" * 1000)
        (tmp_path / name / name).write_text(name)
        oid = store.objects.add(str(tmp_path / name), name)
        ContentTable(store.layout.index).forget([oid.digest])
        assert os.stat(f"{store.layout.object(oid)}/same").st_nlink == 1
    return store


def test_equal_files_become_one_again(store: Store) -> None:
    assert kinds(store) == {"unshared"}
    assert sum(done.saved for done in optimise(store)) == 5000
    inodes = {os.stat(f"{store.layout.object(oid)}/same").st_ino for oid, _ in store.objects.all()}
    assert len(inodes) == 1
    # What was replaced is gone, too.
    assert kinds(store) == set()
    assert list(optimise(store)) == []


def test_what_is_damaged_is_not_shared(store: Store) -> None:
    first = store.objects.all()[0][0]
    tamper(f"{store.layout.object(first)}/same", "sane\n" * 1000)
    assert list(optimise(store)) == []
    found: list[str] = []
    Verifier(store, lambda item: found.append(f"{item.kind} {item.object}"), contents=True).run()
    assert [text for text in found if text.startswith("content")] == [f"content {first}"]
