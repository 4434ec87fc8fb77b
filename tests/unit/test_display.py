"""Foreign values as messages show them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import display
from store.display import printable, quoted, reason


@given(st.text())
def test_what_is_shown_is_one_line_without_codes(text: str) -> None:
    assert printable(text).isprintable()
    assert not text.isprintable() or printable(text) == text


def test_what_cannot_be_seen_is_told_by_its_code() -> None:
    assert printable("ä\0" * 10_000) == r"ä\x00" * 10_000
    assert printable("a\nb\x1b[31m\udcff\u202e") == r"a\nb\x1b[31m\xff\u202e"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "'plain'"),
        ("it's", '"it\'s"'),
        ("\x1b[31m\n", "'\\x1b[31m\\n'"),
        ("caf\udce9", "'caf\\xe9'"),
        (b"caf\xc3\xa9\xff", "'café\\xff'"),
        (7, "7"),
        (None, "None"),
        ([b"x"], "a value of type list"),
        ("x" * 1000, "'" + "x" * 300 + "…'"),
    ],
)
def test_values_of_others_are_quoted_for_people(value: object, shown: str) -> None:
    assert quoted(value) == shown


def test_no_message_shows_a_value_as_python_writes_it() -> None:
    top = Path(display.__file__).parent
    found = [
        f"{path.relative_to(top)}:{number}"
        for path in sorted(top.rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if "!r}" in line
    ]
    assert not found, "display.quoted shows texts and names"


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (FileNotFoundError(2, "No such file or directory", "x"), "No such file or directory"),
        (UnicodeDecodeError("utf-8", b"a\xff", 1, 2, "invalid"), "byte 1 is no UTF-8 text"),
        (RecursionError("maximum recursion depth exceeded"), "it is nested too deep"),
        (ValueError("odd\x1b[31m"), "odd\\x1b[31m"),
        (ValueError(), "ValueError"),
    ],
)
def test_reasons_are_words(error: BaseException, shown: str) -> None:
    assert reason(error) == shown
