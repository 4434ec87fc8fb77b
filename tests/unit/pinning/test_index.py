"""An index of sources is read once, and looked up by source."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from scripts.pinning import index
from scripts.pinning.suites import AptState, Index

A, B = "a" * 64, "b" * 64
SOURCES = f"""\
Package: nginx
Binary: nginx, nginx-common,
 nginx-doc
Version: 1.26.3-3+deb13u2
Section: httpd
Build-Depends: debhelper-compat (= 13), libpcre2-dev, zlib1g-dev:any (>= 1), libdev-perl,
 libssl-dev <!nocheck>, zlib1g-dev
Checksums-Sha1:
 {"c" * 40} 1 nginx_1.26.3.orig.tar.gz
Checksums-Sha256:
 {"d" * 64} 1000 nginx_1.26.3-3+deb13u2.dsc
 {A} 1260179 nginx_1.26.3.orig.tar.gz
 {B} 84000 nginx_1.26.3-3+deb13u2.debian.tar.xz
Homepage: https://nginx.org
Directory: pool/main/n/nginx

Package: nginx
Version: 1.26.3-2
Directory: pool/main/n/nginx
Checksums-Sha256:
 {A} 1260179 nginx_1.26.3.orig.tar.gz
Extra-Source-Only: yes

Package: unfree
Version: 1
Directory: pool/contrib/u/unfree
"""


class Texts(AptState):
    """Indices with the text of :data:`SOURCES`; each reading is counted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.read = 0

    def text(self, index: Index) -> bytes:
        self.read += 1
        return SOURCES.encode()


@pytest.fixture
def listed(tmp_path: Path) -> list[Index]:
    (tmp_path / "one").write_text("x")
    return [Index("trixie", tmp_path / "one")]


def test_releases_come_newest_first_with_archives_alone(
    tmp_path: Path, listed: list[Index]
) -> None:
    found = index.read(tmp_path / "db", Texts(tmp_path), listed).of("nginx")
    assert [each.version for each in found] == ["1.26.3-3+deb13u2", "1.26.3-2"]
    newest = found[0]
    assert (newest.homepage, newest.section) == ("https://nginx.org", "httpd")
    assert newest.links == "libpcre2-dev zlib1g-dev libssl-dev"
    assert [file.kind for file in newest.files] == ["orig", "debian"]
    orig = newest.file("orig")
    assert orig and (orig.sha256, orig.size) == (A, 1260179)
    assert newest.path(orig) == "n/nginx/nginx_1.26.3.orig.tar.gz"
    assert not index.read(tmp_path / "db", Texts(tmp_path), listed).of("unfree")


def test_an_index_is_read_again_only_when_it_changed(tmp_path: Path, listed: list[Index]) -> None:
    texts = Texts(tmp_path)
    for _ in range(2):
        index.read(tmp_path / "db", texts, listed).close()
    assert texts.read == 1
    (tmp_path / "one").write_text("changed")
    index.read(tmp_path / "db", texts, listed).close()
    assert texts.read == 2
    assert not index.read(tmp_path / "db", texts, []).of("nginx")


def test_a_table_that_is_damaged_or_old_is_made_anew(tmp_path: Path, listed: list[Index]) -> None:
    (tmp_path / "db").write_bytes(b"no table" * 100)
    assert index.read(tmp_path / "db", Texts(tmp_path), listed).of("nginx")
    with sqlite3.connect(tmp_path / "db") as database:
        database.execute("PRAGMA user_version = 0")
    assert index.read(tmp_path / "db", Texts(tmp_path), listed).of("nginx")


@pytest.mark.parametrize(
    ("asked", "near"), [("nginx-full", ["nginx"]), ("ng", ["nginx"]), ("gin", []), ("%", [])]
)
def test_a_name_that_no_source_has_has_near_ones(
    tmp_path: Path, listed: list[Index], asked: str, near: list[str]
) -> None:
    found = index.read(tmp_path / "table", Texts(tmp_path), listed)
    assert found.of(asked) == [] and found.alike(asked) == near
    found.close()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a_1.orig.tar.gz", "orig"),
        ("cgit_1.2+git2.orig-git.tar.xz", "orig-git"),
        ("a_1-2.debian.tar.xz", "debian"),
        ("debianutils_5.23.tar.xz", "native"),
        ("a_1.dsc", ""),
        ("a_1.orig.tar.gz.asc", ""),
    ],
)
def test_the_kind_of_a_file_is_in_its_name(name: str, kind: str) -> None:
    assert index.kind_of(name) == kind
