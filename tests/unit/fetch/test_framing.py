"""The length of an answer's body, as its head gives it."""

from __future__ import annotations

import email.message

import pytest

from store.fetch.bounds import Transient
from store.fetch.framing import length


def head(*lengths: str) -> email.message.Message:
    found = email.message.Message()
    for each in lengths:
        found["Content-Length"] = each
    return found


@pytest.mark.parametrize(
    ("lengths", "size"),
    [((), None), (("",), None), (("5",), 5), ((" 5 ",), 5), (("5", "5"), 5), (("5, 5",), 5)],
)
def test_a_length_is_one_number(lengths: tuple[str, ...], size: int | None) -> None:
    assert length(head(*lengths)) == size


@pytest.mark.parametrize(
    "lengths",
    [("5", "6"), ("5, 6",), ("-5",), ("+5",), ("0x10",), ("5_0",), ("long",), ("9" * 19,)],
)
def test_no_other_head_is_read_as_a_body_without_a_length(lengths: tuple[str, ...]) -> None:
    with pytest.raises(Transient, match="length"):
        length(head(*lengths))
