"""The index copied under a seal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.errors import CorruptObject, StorageError
from store.local.store import Store
from store.recovery.backup import SEAL, backup, check_seal


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    store = Store.open(str(tmp_path / "root"))
    backup(store.index, str(tmp_path / "copy"))
    store.close()
    return tmp_path / "copy"


def test_the_last_line_is_the_digest_of_what_is_before_it(copy: Path) -> None:
    whole = copy.read_bytes()
    body, line = whole[:-SEAL], whole[-SEAL:].decode()
    assert line == f"\nblake3 {blake3(body).hexdigest()}\n"
    assert len(body) % 4096 == 0
    cut = subprocess.run(["head", "-c", f"-{SEAL}", copy], capture_output=True, check=True).stdout
    assert cut == body
    assert f"head -c -{SEAL} FILE" in (Path(__file__).parents[3] / "docs/index.md").read_text()
    check_seal(str(copy))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_bit_that_flipped_breaks_the_seal(copy: Path, data: st.DataObject) -> None:
    whole = bytearray(copy.read_bytes())
    # All but the mark: without it, nobody can tell that there was a seal.
    at = data.draw(
        st.integers(0, len(whole) - SEAL - 1) | st.integers(len(whole) - 65, len(whole) - 1)
    )
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    flipped = copy.with_name("flipped")
    flipped.write_bytes(whole)
    with pytest.raises(CorruptObject, match="not those that were written"):
        check_seal(str(flipped))


def test_a_file_without_a_seal_is_not_judged(copy: Path) -> None:
    whole = copy.read_bytes()
    for content in (whole[:-SEAL], whole[:100], b"", b"x" * SEAL):
        copy.write_bytes(content)
        check_seal(str(copy))


def test_what_is_no_file_is_not_replaced(copy: Path, tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "root"))
    with pytest.raises(StorageError, match="no file that could be replaced"):
        backup(store.index, str(tmp_path))
    with pytest.raises(StorageError, match=r"cannot write the copy '.*/none/copy'") as refused:
        backup(store.index, str(tmp_path / "none" / "copy"))
    assert refused.value.hint == "choose another place for it"
    store.close()
    assert sorted(os.listdir(tmp_path)) == ["copy", "root"]


def test_the_link_to_the_output_stays_also_where_that_is_a_file(tmp_path: Path) -> None:
    link = tmp_path / "stdout"  # as /dev/stdout, which root could replace
    link.symlink_to("/proc/self/fd/1")
    code = (
        "import sys; from store.local.store import Store; from store.recovery.backup import backup;"
        "backup(Store.open(sys.argv[1]).index, sys.argv[2])"
    )
    with (tmp_path / "file").open("wb") as file:
        command = [sys.executable, "-c", code, str(tmp_path / "root"), str(link)]
        done = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, check=False)
    assert b"no file that could be replaced" in done.stderr
    assert link.is_symlink()


def test_a_copy_is_its_owners_alone_and_takes_the_place_of_another(copy: Path) -> None:
    copy.chmod(0o644)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 7)  # as a process of a copy that was killed
        for _ in range(2):
            copy.with_name(f"{copy.name}.7.new").touch()
            store = Store.open(f"{copy.parent}/root")
            backup(store.index, str(copy))
            store.close()
    assert copy.stat().st_mode & 0o777 == 0o600
    check_seal(str(copy))
