"""The pins of a folder, and the words by which one asks for a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.pinning.session import Pins
from store.errors import StoreError


@pytest.mark.parametrize(
    "name", ["", "pypi:", "pypi:a/b", "../a", "a b", "A", "-a", "a\n", "http:a"]
)
def test_words_that_name_no_source_are_refused_before_any_index_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(StoreError, match="is no source") as caught:
        Pins(tmp_path).pinned(name, None)
    assert "pypi:PROJECT" in (caught.value.hint or "")
    assert not (tmp_path / "cache").exists()
