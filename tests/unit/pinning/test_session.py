"""The pins of a folder, and the words by which one asks for a source."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from scripts.pinning.session import Pins
from scripts.pins import main
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


def test_a_pin_that_there_is_not_has_near_ones() -> None:
    pins = Pins(Path(__file__).parents[3] / "derivations")
    with pytest.raises(StoreError, match="no pin is called 'htopp'") as caught:
        pins.named(["htopp"])
    assert "htop" in (caught.value.hint or "")
    with pytest.raises(StoreError) as caught:
        pins.named(["/"])
    assert caught.value.hint is None


@pytest.mark.parametrize("words", [("bump", "htop"), ("add", "tree")])
def test_an_empty_version_is_refused(words: tuple[str, str]) -> None:
    done = CliRunner().invoke(main, [*words, "--to", ""])
    assert done.exit_code == 2
    assert "it is empty" in done.output
