"""Keys and signatures are the same by each library, and those of RFC 8032."""

import random
import sys
from types import SimpleNamespace

import pytest

from store.signing import ed25519
from store.signing.ed25519 import Scheme
from store.signing.keys import PrivateKey, PublicKey
from tests import rfc8032

VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
        "1cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613"
        "d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
        "984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]
"""Section 7.1 of the RFC: seed, public key, message, signature."""


@pytest.fixture(params=["cryptography", "built in"])
def scheme(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Scheme:
    """Each of the two, the built-in one by a stand-in with its interface."""
    if request.param == "built in":
        monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
        names = {"public": rfc8032.public, "sign": rfc8032.sign, "verify": rfc8032.verify}
        monkeypatch.setitem(sys.modules, "_fixpoint_ed25519", SimpleNamespace(**names))
    found = ed25519.scheme.__wrapped__()
    monkeypatch.setattr("store.signing.keys.scheme", lambda: found)
    return found


@pytest.mark.parametrize(("seed", "public", "message", "signature"), VECTORS)
def test_the_vectors_of_the_rfc_hold(
    scheme: Scheme, seed: str, public: str, message: str, signature: str
) -> None:
    key, text, signed = (bytes.fromhex(word) for word in (public, message, signature))
    private = PrivateKey(bytes.fromhex(seed), "test")
    assert private.public.raw == key
    assert private.sign(text) == signed
    assert PublicKey(key, "test").verifies(signed, text)


def test_whatever_was_not_signed_is_refused(scheme: Scheme) -> None:
    seed, public, message, signature = (bytes.fromhex(word) for word in VECTORS[1])
    key = PublicKey(public, "test")
    assert scheme.sign(seed, message) == signature
    order = (2**252 + 27742317777372353535851937790883648493).to_bytes(32, "little")
    scalar = int.from_bytes(signature[32:], "little") + int.from_bytes(order, "little")
    for wrong in (
        *(b"", signature[:-1], signature + b"\0", bytes(64), b"\xff" * 64),
        bytes([signature[0] ^ 1]) + signature[1:],
        signature[:32] + scalar.to_bytes(32, "little"),  # the same number once more
    ):
        assert not key.verifies(wrong, message)
    assert not key.verifies(signature, message + b"\0")
    assert not PublicKey(b"\xff" * 32, "none").verifies(signature, message)


def test_a_seed_has_one_length(scheme: Scheme) -> None:
    for seed in (b"", bytes(31), bytes(33)):
        with pytest.raises(ValueError):
            scheme.sign(seed, b"")
        with pytest.raises(ValueError):
            scheme.public(seed)


def test_both_agree_on_any_key_and_message() -> None:
    chance = random.Random(1)
    library = ed25519.scheme()
    for size in (0, 1, 100):
        seed, message = chance.randbytes(32), chance.randbytes(size)
        public, signature = library.public(seed), library.sign(seed, message)
        assert (public, signature) == (rfc8032.public(seed), rfc8032.sign(seed, message))
        assert library.verify(public, signature, message)
        assert rfc8032.verify(public, signature, message)


def test_fresh_keys_differ() -> None:
    one, two = PrivateKey.generate("one"), PrivateKey.generate("two")
    assert one.seed != two.seed and one.public.verifies(one.sign(b"x"), b"x")
