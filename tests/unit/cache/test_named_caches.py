"""A first look says that a run has no cache to ask, or that it may have one."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.cache.cache_options import USUAL, CacheOptions
from store.cache.named_caches import VARIABLE, may_ask
from store.layout.paths import Layout


@pytest.mark.parametrize(
    ("options", "variable", "settings", "may"),
    [
        (USUAL, None, False, False),
        (USUAL, "", False, False),
        (USUAL, "file:/cache", False, True),
        (USUAL, None, True, True),
        (CacheOptions(urls=("file:/cache",)), None, False, True),
        (CacheOptions(only=True), None, False, True),
        (CacheOptions(off=True), "file:/cache", True, False),
        (CacheOptions(off=True, only=True), None, False, True),
    ],
)
def test_a_cache_is_named_by_options_environment_or_settings(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: CacheOptions,
    variable: str | None,
    settings: bool,
    may: bool,
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if variable is not None:
        monkeypatch.setenv(VARIABLE, variable)
    layout = Layout(str(tmp_path))
    if settings:
        Path(layout.config).symlink_to("nowhere")  # to be complained of
    assert may_ask(options, layout) is may
