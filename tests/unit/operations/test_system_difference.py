"""The differences between two systems."""

from __future__ import annotations

from pathlib import Path

from store.local.store import Store
from store.model.names import ObjectId
from store.operations.system_difference import SystemDifference, differences


def added(store: Store, path: Path, name: str, *references: ObjectId) -> ObjectId:
    """Put a tree into the store that holds the paths of its references."""
    (path / "refs").write_text("".join(f"{each.path}\n" for each in references))
    with store.leases.begin() as lease:
        lease.add(references)
        return store.objects.add(str(path), name, lease, references)


def package(store: Store, folder: Path, name: str, text: str) -> ObjectId:
    path = folder / f"{name}-{text}"
    path.mkdir()
    (path / "text").write_text(text)
    return added(store, path, name)


def system(store: Store, folder: Path, services: dict[str, str], *packages: ObjectId) -> ObjectId:
    for name, text in services.items():
        (folder / "etc/sv" / name).mkdir(parents=True)
        (folder / "etc/sv" / name / "run").write_text(text)
    return added(store, folder, "system-box", *packages)


def test_packages_and_services_are_compared(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "root"))
    try:
        old = package(store, tmp_path, "curl-8.14.1", "a")
        new = package(store, tmp_path, "curl-8.15", "b")
        same = package(store, tmp_path, "zlib-1.3", "c")
        again = package(store, tmp_path, "zlib-1.3", "d")
        gone = package(store, tmp_path, "tree-2.1", "e")
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
        one = system(store, tmp_path / "one", {"web": "x", "mail": "y"}, old, same, gone)
        two = system(store, tmp_path / "two", {"web": "z", "git": "y"}, new, again)
        assert list(map(str, differences(store, one, two))) == [
            "curl 8.14.1 → 8.15",
            "- tree 2.1",
            "zlib 1.3: changed",
            "+ service git",
            "- service mail",
            "service web: changed",
        ]
        assert differences(store, one, one) == []
        assert differences(store, None, two)[0] == SystemDifference("package", "curl", None, "8.15")
    finally:
        store.close()
