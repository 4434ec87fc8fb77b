"""A key by less than the whole of it."""

from __future__ import annotations

import pytest

from store.errors import UsageError
from store.signing.key_choice import key_named
from store.signing.keys import PrivateKey, PublicKey

FORGE, FORGE_2, ANNE = (
    PrivateKey(bytes([n]) * 32, name).public for n, name in enumerate(("forge", "forge-2", "anne"))
)
OTHER = PublicKey(PrivateKey(b"o" * 32, "x").public.raw, "forge-2")
KNOWN = [FORGE, FORGE_2, ANNE]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("forge", FORGE),  # a whole name comes before the beginning of another
        ("forge-", FORGE_2),
        ("a", ANNE),
        (str(ANNE), ANNE),
        (str(FORGE)[:9], FORGE),
        (ANNE.id, ANNE),
        (ANNE.id[:12].upper(), ANNE),
        ("", None),
        ("bert", None),
        ("nne", None),
        ("forge-2:x", None),
    ],
)
def test_a_name_or_a_beginning_means_one_key(text: str, key: PublicKey | None) -> None:
    assert key_named(text, [*KNOWN, *KNOWN]) == key


@pytest.mark.parametrize(
    ("text", "keys"),
    [("f", [FORGE, FORGE_2]), ("forge-2", [FORGE_2, OTHER]), ("forge-2:", [FORGE_2, OTHER])],
)
def test_that_it_may_be_several_is_said_with_all(text: str, keys: list[PublicKey]) -> None:
    with pytest.raises(UsageError) as caught:
        key_named(text, [*KNOWN, OTHER])
    assert all(str(key) in caught.value.message for key in keys)
    assert str(ANNE) not in caught.value.message
