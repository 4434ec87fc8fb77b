"""Python's indexes and servers are asked as the store's own fetching asks them."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.pinning import python_index, serving
from scripts.pinning.python_index import PythonFile
from store.errors import StoreError
from store.fetch.indexes import PipConfiguration
from store.fetch.locate import Machine
from store.fetch.mirrors import AptConfiguration

SHA = "a" * 64


def machine(*indexes: Path) -> Machine:
    found = Machine()
    found.__dict__["pip"] = PipConfiguration(indexes=tuple(map(str, indexes)))
    return found


def test_the_archives_of_a_project_come_from_all_indexes(tmp_path: Path) -> None:
    for name, page in {
        "one": f'<a href="Flit_Core-3.9.tar.gz#sha256={SHA}">x</a><a href="flit_core-3.9.whl">x</a>'
        '<a href="flit_core_more-1.tar.gz">x</a>',
        "two": '<a data-yanked href="flit-core-3.8.zip">x</a>',
    }.items():
        (tmp_path / name / "flit-core").mkdir(parents=True)
        (tmp_path / name / "flit-core" / "index.html").write_text(page)
    places = machine(tmp_path / "none", tmp_path / "one", tmp_path / "two")
    assert python_index.files("flit_core-1.tar.gz", places) == [
        PythonFile("Flit_Core-3.9.tar.gz", "3.9", SHA, False),
        PythonFile("flit-core-3.8.zip", "3.8", "", True),
    ]


def test_a_project_that_no_index_has_is_an_error_with_the_reasons(tmp_path: Path) -> None:
    (tmp_path / "two" / "flit-core").mkdir(parents=True)
    (tmp_path / "two" / "flit-core" / "index.html").write_text("<a href='flit_core-3.9.whl'>x</a>")
    with pytest.raises(StoreError) as caught:
        python_index.files("flit_core-1.tar.gz", machine(tmp_path / "one", tmp_path / "two"))
    first, *reasons = caught.value.message.splitlines()
    assert first == "no index lists source archives of flit-core"
    assert reasons == [
        f"  file://{tmp_path}/one/flit-core/: No such file or directory",
        f"  file://{tmp_path}/two/flit-core/: it lists no source archive",
    ]
    assert "pip config list" in (caught.value.hint or "")


def test_a_secret_in_the_address_of_an_index_is_not_repeated(tmp_path: Path) -> None:
    places = machine()
    places.__dict__["pip"] = PipConfiguration(indexes=("http://me:secret@127.0.0.1:1/simple",))
    with pytest.raises(StoreError) as caught:
        python_index.files("flit_core-1.tar.gz", places)
    assert "secret" not in caught.value.message and "127.0.0.1" in caught.value.message


def test_a_server_that_has_the_file_is_found_behind_one_that_has_not(tmp_path: Path) -> None:
    pool = tmp_path / "two" / "pool" / "main"
    pool.mkdir(parents=True)
    (pool / "a").write_text("x")
    places = Machine()
    bases = (f"file://{tmp_path}/one", f"file://{tmp_path}/two")
    places.__dict__.update(apt=AptConfiguration(bases), pip=PipConfiguration())
    assert serving.refusal("debian:pool/main/a", places) is None
    refusal = serving.refusal("debian:pool/main/b", places)
    assert refusal and "no such file" in refusal.lower()
