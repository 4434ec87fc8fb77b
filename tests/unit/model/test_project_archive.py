"""The archive of the project: a tar of the same bytes for the same files."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from store.errors import FormatError
from store.fetch import project
from store.fetch.bounds import Permanent
from store.fetch.transport import Client, Target
from store.model.locators import PROJECT
from store.model.project_archive import (
    FolderReader,
    located,
    project_archive,
    project_locator,
    project_parts,
)

READER = FolderReader(os.listdir, os.lstat, lambda path: Path(path).read_bytes())


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A small project, with files that belong to nobody."""
    texts = {
        "LICENSE": "free\n",
        "README.md": "# Project\n",
        "docs/page.md": "A page\n",
        "pyproject.toml": "not packed",
        "bootstrap-seeds/debian/seed.json": "{}",
        "derivations/ledger.tsv": "",
        "derivations/stages.py": "",
        "store/__init__.py": "x = 1\n",
        "store/cli/main.py": "y\n" * 1000,
        "store/.main.py.swp": "",
        "store/main.py~": "",
        "store/__pycache__/main.pyc": "",
        "tests/test.py": "not packed",
    }
    for name, text in texts.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "project" / "store" / "link.py").symlink_to("/etc/passwd")
    return tmp_path / "project"


def test_the_files_of_the_project_are_packed_sorted_and_nothing_else(top: Path) -> None:
    data = project_archive(str(top), READER)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = archive.getmembers()
        content = archive.extractfile("store/cli/main.py")
        assert content is not None and content.read() == b"y\n" * 1000
    assert [member.name for member in members] == [
        "LICENSE",
        "bootstrap-seeds/debian/seed.json",
        "derivations/stages.py",
        "store/__init__.py",
        "store/cli/main.py",
    ]
    assert {(member.mode, member.mtime, member.uid) for member in members} == {(0o644, 1, 0)}


def test_the_documents_are_an_archive_of_their_own(top: Path) -> None:
    locator = project_locator(str(top), docs=True)
    path, parts = located(locator)
    assert path == str(top)
    with tarfile.open(fileobj=io.BytesIO(project.archive_of(locator))) as archive:
        assert archive.getnames() == ["LICENSE", "README.md", "docs/page.md"]
    assert project.archive_of(locator) == project_archive(str(top), READER, parts)
    assert located(project_locator("/a%23docs"))[0] == "/a%23docs"


def test_times_modes_and_the_place_do_not_matter(top: Path, tmp_path: Path) -> None:
    before = project_archive(str(top), READER)
    (top / "store" / "__init__.py").chmod(0o755)
    os.utime(top / "LICENSE", (5, 5))
    moved = top.rename(tmp_path / "elsewhere")
    assert project_archive(str(moved), READER) == before
    (moved / "store" / "__init__.py").write_text("x = 2\n")
    assert project_archive(str(moved), READER) != before


def test_a_part_may_be_missing_and_a_long_name_is_refused(top: Path) -> None:
    (top / "LICENSE").unlink()
    assert project_archive(str(top), READER)
    (top / "store" / ("a" * 120)).touch()
    with pytest.raises(FormatError, match="more than 100 bytes"):
        project_archive(str(top), READER)


def test_places_beside_recipes_are_parts_where_there_is_an_engine(top: Path) -> None:
    parts = project_parts(f"{top}/derivations", os.path.isfile)
    assert f"{top}/store" in parts and f"{top}/pyproject.toml" not in parts
    (top / "store" / "__init__.py").unlink()
    assert project_parts(f"{top}/derivations", os.path.isfile) == []


def test_its_locator_is_fetched_without_a_network(top: Path) -> None:
    target = Target(f"{PROJECT}{top}")
    assert target.is_local
    with Client().open(target) as body:
        assert body.read(1 << 20) == project_archive(str(top), READER)
    (top / "store" / ("a" * 120)).touch()
    with pytest.raises(Permanent, match="more than 100 bytes"):
        project.archive_of(target.url)


def test_a_folder_that_is_missing_has_the_empty_archive(tmp_path: Path) -> None:
    assert project.archive_of(f"{PROJECT}{tmp_path}/none") == bytes(1024)
