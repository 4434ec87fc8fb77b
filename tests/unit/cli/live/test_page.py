"""The screens in the documentation are those that the tests compare."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[4]
SCREENS = {path.read_text() for path in (Path(__file__).parent / "screens").iterdir()}


@pytest.mark.parametrize("page", ["README.md", "docs/terminal.md"])
def test_a_page_shows_screens_as_they_are(page: str) -> None:
    text = (TOP / page).read_text(encoding="utf-8")
    shown = re.findall(r"^```screen\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert shown
    assert set(shown) <= SCREENS
