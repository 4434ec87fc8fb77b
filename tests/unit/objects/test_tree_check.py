"""Checking an object finds every kind of tampering, and all of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pyfakefs.fake_filesystem import FakeFilesystem

from store.digest import file_digest
from store.layout.paths import Layout
from store.model import identity
from store.model.file_tree import Directory, file, link
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects.ingest import ingest_outputs
from store.objects.presence import looks_intact
from store.objects.tree_check import check_object, check_tree, identify

SCRATCH = identity.scratch("pkg", "out")
SECOND = 10**9


def handmade(layout: Layout) -> Manifest:
    """A small object, made of nothing but the model."""
    inner = Directory(((b"f", file(file_digest(b"data"), 4)),))
    top = Directory(((b"l", link(b"sub/f")), (b"sub", inner.node())))
    oid = identity.object_id("pkg", top.node().digest(), (), False)
    directories = {item.node().payload: item for item in (inner, top)}
    path = layout.object(oid)
    os.makedirs(f"{path}/sub")
    Path(f"{path}/sub/f").write_bytes(b"data")
    os.symlink("sub/f", f"{path}/l")
    for entry in (f"{path}/sub/f", f"{path}/sub", path):
        os.chmod(entry, 0o444 if entry.endswith("f") else 0o555)
        os.utime(entry, ns=(SECOND, SECOND))
    return Manifest(oid, (), False, top.node(), directories)


def test_an_object_made_by_hand_is_in_order(layout: Layout) -> None:
    assert check_object(layout.root, handmade(layout)) == []


def test_a_manifest_of_another_object_is_found(layout: Layout) -> None:
    manifest = handmade(layout)
    wrong = replace(manifest, refers_to_itself=True)
    assert [finding.kind for finding in check_object(layout.root, wrong)] == ["identity"]


def test_a_missing_object_is_one_finding(layout: Layout) -> None:
    manifest = handmade(layout)
    findings = check_tree("/nowhere", manifest)
    assert [str(finding) for finding in findings] == ["missing: /nowhere"]


@pytest.fixture
def taken(layout: Layout, tree: Path) -> Manifest:
    """An object with a file of every sort."""
    (tree / "sub").mkdir()
    (tree / "sub" / "deep").mkdir()
    (tree / "sub" / "deep" / "f").write_bytes(b"deep")
    (tree / "run").write_text(f"{SCRATCH.path}")
    (tree / "run").chmod(0o755)
    (tree / "link").symlink_to(f"{SCRATCH.path}/run")
    (tree / "big").write_bytes(b"-" * (1 << 20) + SCRATCH.text.encode())
    return ingest_outputs(layout.root, {SCRATCH: str(tree)})[SCRATCH]


def keeping_time(path: Path, work: Callable[[Path], object]) -> None:
    """Change something without leaving a trace in the times."""
    for entry in (path.parent, path):
        if not entry.is_symlink():
            entry.chmod(0o755)
    work(path)
    for entry in (path, path.parent):
        if entry.exists() and not entry.is_symlink():
            folder = entry.is_dir() or entry.name == "run"
            entry.chmod(0o555 if folder else 0o444)
            os.utime(entry, ns=(SECOND, SECOND))


def relink(path: Path) -> None:
    path.unlink()
    path.symlink_to("elsewhere")


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


TAMPERING: list[tuple[str, str, Callable[[Path], object]]] = [
    ("content", "sub/deep/f", lambda path: path.write_bytes(b"deeq")),
    ("content", "run", lambda path: path.write_bytes(b"")),
    ("content", "big", lambda path: os.truncate(path, 1 << 20)),
    ("content", "link", relink),
    ("missing", "sub/deep/f", lambda path: path.unlink()),
    ("missing", "link", lambda path: path.unlink()),
    ("kind", "run", become_folder),
    ("extra", "sub/new", lambda path: path.write_bytes(b"")),
]


@pytest.mark.parametrize(("kind", "where", "work"), TAMPERING)
def test_every_change_is_found(
    layout: Layout,
    taken: Manifest,
    kind: str,
    where: str,
    work: Callable[[Path], object],
) -> None:
    path = Path(layout.object(taken.id)) / where
    if kind == "extra":
        path.parent.chmod(0o755)
        path.write_bytes(b"")
        path.parent.chmod(0o555)
        os.utime(path.parent, ns=(SECOND, SECOND))
    else:
        keeping_time(path, work)
    findings = check_object(layout.root, taken)
    assert [(finding.kind, finding.path) for finding in findings] == [(kind, str(path))]


def test_modes_and_times_are_checked(layout: Layout, taken: Manifest) -> None:
    top = Path(layout.object(taken.id))
    (top / "sub" / "deep" / "f").chmod(0o555)
    (top / "run").chmod(0o444)
    (top / "sub").chmod(0o755)
    os.utime(top / "sub" / "deep", ns=(SECOND + 1, SECOND + 1))
    os.utime(top / "big", ns=(0, 0))
    found = {(finding.kind, finding.path) for finding in check_object(layout.root, taken)}
    assert found == {
        ("mode", f"{top}/sub/deep/f"),
        ("mode", f"{top}/run"),
        ("mode", f"{top}/sub"),
        ("mtime", f"{top}/sub/deep"),
        ("mtime", f"{top}/big"),
    }


def test_everything_wrong_is_listed_at_once(layout: Layout, taken: Manifest) -> None:
    top = Path(layout.object(taken.id))
    top.chmod(0o755)
    (top / "link").unlink()
    (top / "extra").write_bytes(b"")
    (top / "run").chmod(0o755)
    (top / "run").write_bytes(b"other")
    found = [finding.kind for finding in check_object(layout.root, taken)]
    assert sorted(found) == ["content", "extra", "missing", "mode", "mode", "mtime", "mtime"]


def test_a_self_reference_moved_elsewhere_changes_the_identity(
    layout: Layout, taken: Manifest
) -> None:
    assert identify(layout.object(taken.id), taken) == taken.id
    other = replace(taken, id=ObjectId(b"w" * 20, "pkg"))
    assert identify(layout.object(taken.id), other) != other.id


def test_a_file_that_cannot_be_read_is_a_finding(
    layout: Layout, taken: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def broken(path: str, *args: int, **kwargs: int) -> int:
        if str(path).endswith("/run"):
            raise OSError(5, "Input/output error", path)
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", broken)
    findings = check_tree(layout.object(taken.id), taken)
    assert [str(finding).partition(" (")[2] for finding in findings] == [
        "cannot be read: Input/output error)"
    ]


@pytest.mark.parametrize(
    ("mode", "mtime", "intact"),
    [(0o444, SECOND, True), (0o555, SECOND, True), (0o644, SECOND, False), (0o444, 0, False)],
)
def test_what_looks_intact(fs: FakeFilesystem, mode: int, mtime: int, intact: bool) -> None:
    fs.create_file("/store/f", st_mode=stat.S_IFREG | mode)
    os.utime("/store/f", ns=(mtime, mtime))
    fs.create_symlink("/store/l", "nowhere")
    assert looks_intact("/store/f") is intact
    assert looks_intact("/store/l")
    assert not looks_intact("/store/none")
