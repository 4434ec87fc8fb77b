"""The files of an object that hold its reference to another."""

from __future__ import annotations

from pathlib import Path

from store.local.reference_files import ReferenceFile, reference_files
from store.objects.ingest import ingest
from tests.unit.gc.conftest import Stock, stock

__all__ = ["stock"]


def test_files_links_and_names_hold_references(stock: Stock, tmp_path: Path) -> None:
    other = stock.make("other")
    text = other.text
    top = tmp_path / "top"
    (top / "bin").mkdir(parents=True)
    # More than a chunk before the second one, and none in a file that is too short.
    (top / "bin" / "tool").write_text(f"x{text}" + "." * (1 << 20) + text)
    (top / "bin" / "none").write_text(text[:-1])
    (top / "link").symlink_to(f"{other.path}/bin")
    (top / f"of-{text}").write_text("")
    manifest = ingest(stock.store.layout.root, str(top), "top", candidates=[other])
    stock.store.objects.register([manifest])
    assert list(reference_files(stock.store, manifest.id, other)) == [
        ReferenceFile(b"bin/tool", "file", 1, 2),
        ReferenceFile(b"link", "link", 7, 1),
        ReferenceFile(f"of-{text}".encode(), "name", 3, 1),
    ]


def test_an_object_that_refers_to_nothing_has_no_such_file(stock: Stock) -> None:
    assert list(reference_files(stock.store, stock.make("one"), stock.make("two"))) == []
