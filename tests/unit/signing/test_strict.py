"""JSON from outside: texts that are refused, and that nothing but FormatError is ever raised."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import FormatError
from store.signing import claims, envelope, record, statement, strict

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1}{',
        b'\xff{"a":1}',
        b"\xef\xbb\xbf{}",
        b'{"a":' + b"[" * 20 + b"]" * 20 + b"}",
        b'{"a":' * 100_000,
        b"[" * 1_000_000,
        b'{"a":' + b"9" * 10_000 + b"}",
    ],
)
def test_what_is_ambiguous_or_endless_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        strict.document(data, 1 << 21)


def test_a_document_may_be_as_long_as_the_limit_and_no_longer() -> None:
    assert strict.document(b'{"a":1}', 7) == {"a": 1}
    with pytest.raises(FormatError, match="longer than 6 bytes"):
        strict.document(b'{"a":1}', 6)


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(FormatError):
        strict.text(strict.document(b'{"a":"\\ud800"}', 100)["a"])


@pytest.mark.parametrize("value", [True, 1.0, "1", None, -1, 1 << 63])
def test_only_small_integers_are_integers(value: object) -> None:
    with pytest.raises(FormatError):
        strict.integer(value)


@pytest.mark.parametrize(
    "path",
    [
        "/store/" + "0" * 32 + "-a/b",
        "/store/" + "0" * 32 + "-a/../../etc",
        "/store/../etc/passwd",
        "/store/" + "0" * 32 + "-.hidden",
        "/store/" + "0" * 32,
        "store/" + "0" * 32 + "-a",
        "/store/" + "0" * 32 + "-a\n",
        "/store/" + "E" * 32 + "-a",
        7,
    ],
)
def test_a_path_is_that_of_an_object_and_leads_nowhere_else(path: object) -> None:
    with pytest.raises(FormatError):
        strict.path(path)


READERS: list[Any] = [envelope.parse, claims.claims, statement.read_outcome, record.from_record]


@pytest.mark.parametrize("read", READERS)
@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_but_a_format_error(read: Any, data: bytes) -> None:
    with pytest.raises(FormatError):
        read(data)


@pytest.mark.slow
@pytest.mark.parametrize("read", READERS)
@given(st.dictionaries(st.text(max_size=8), ANY_JSON))
def test_random_json_raises_nothing_but_a_format_error(read: Any, value: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        read(json.dumps(value).encode())
