"""Links of users that lead into the store."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from store.errors import StorageError, StoreFull
from store.local import links


def test_a_link_is_made_and_replaced(tmp_path: Path) -> None:
    for target in ("/store/one", "/store/two"):
        links.make_link(f"{tmp_path}/result", target)
        assert os.readlink(tmp_path / "result") == target


def test_a_link_where_none_can_be_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=f"cannot make the link {tmp_path}/none/result: No such"):
        links.make_link(f"{tmp_path}/none/result", "/store/one")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_on_a_full_disk_it_is_the_store_that_is_full(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: str, target: str) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(links, "replace_link", full)
    with pytest.raises(StoreFull, match="cannot make the link result"):
        links.make_link("result", "/store/one")
