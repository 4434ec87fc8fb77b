"""Whatever fills the store leaves the reserve of its disk free."""

from __future__ import annotations

import hashlib
import os
import tarfile
from pathlib import Path

import pytest

from store.job_errors import DiskReserve
from store.jobs.job import Job, perform
from store.jobs.lower import BuildLimits
from store.local.disk import DiskSpace
from store.local.store import Store
from store.model.derivation import Resolved, Source
from store.model.names import ObjectId
from store.substitute.directory import StoreDirectory
from store.substitute.importing import import_objects

CONTENT = b"content" * 1000


@pytest.fixture
def scarce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A reserve that is larger than the free space."""
    disk = os.statvfs(tmp_path)
    reserve = disk.f_bavail * disk.f_frsize + (1 << 40)
    monkeypatch.setattr(DiskSpace, "reserve", lambda _: reserve)
    return reserve


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


def work(store: Store, kind: str, node: Source | Resolved, reserve: int) -> None:
    folder = store.workspaces.make()
    job = Job(b"d" * 32, b"k" * 32, node, folder, limits=BuildLimits(1, disk_reserve=reserve))
    perform(store.layout, kind, job, lambda _: None)


def unpacking(archive: ObjectId) -> Resolved:
    args = (f"archive={archive.path}",)
    return Resolved("tree", "x86_64-linux", "builtin:unpack", args=args, inputs=(archive,))


def test_adding(store: Store, file: Path, scarce: int) -> None:
    with pytest.raises(DiskReserve):
        store.objects.add(str(file), "file")
    assert os.listdir(store.layout.objects) == []


def test_fetching(store: Store, file: Path, scarce: int) -> None:
    source = Source("file", hashlib.sha256(CONTENT).hexdigest(), (file.as_uri(),))
    with pytest.raises(DiskReserve):
        work(store, "fetch", source, scarce)
    work(store, "fetch", source, 0)


def test_unpacking(store: Store, file: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "tar", "w") as tar:
        tar.add(file, "file")
    archive = store.objects.add(str(tmp_path / "tar"), "tar")
    disk = os.statvfs(tmp_path)
    with pytest.raises(DiskReserve):
        work(store, "unpack", unpacking(archive), disk.f_bavail * disk.f_frsize + (1 << 40))
    work(store, "unpack", unpacking(archive), 0)


def test_importing(
    store: Store, file: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    other = Store.open(str(tmp_path / "other"))
    oid = other.objects.add(str(file), "file")
    other.close()
    request.getfixturevalue("scarce")
    with pytest.raises(DiskReserve):
        import_objects(store, StoreDirectory(str(tmp_path / "other")), [oid])
    assert os.listdir(store.layout.objects) == []
