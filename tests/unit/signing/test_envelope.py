"""Keys and envelopes: signatures that are accepted, and whose."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import FormatError
from store.signing import envelope
from store.signing.envelope import SignatureWorth
from store.signing.keys import PrivateKey, PublicKey

ANNE = PrivateKey(b"\1" * 32, "anne")
BERT = PrivateKey(b"\2" * 32, "bert")
TRUSTED = [ANNE.public, BERT.public]


def sealed(payload: bytes = b"{}", *keys: PrivateKey) -> envelope.Envelope:
    return envelope.parse(envelope.seal(payload, keys or (ANNE,)).encode())


def test_the_signature_is_that_of_rfc_8032() -> None:
    # Its section 7.1, test 2.
    seed = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    key = PrivateKey(seed, "rfc")
    assert key.public.raw.hex() == (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    )
    assert key.sign(b"\x72").hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


def test_the_encoding_that_is_signed_is_that_of_dsse() -> None:
    # The example of the protocol's description.
    encoded = envelope.pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_a_key_as_text_comes_back_as_itself() -> None:
    assert PublicKey.parse(str(ANNE.public)) == ANNE.public
    assert PrivateKey.parse(ANNE.text()) == ANNE
    assert PrivateKey.generate("x") != PrivateKey.generate("x")


def test_a_private_key_is_never_taken_for_a_public_one_nor_shown() -> None:
    secret = base64.b64encode(ANNE.seed).decode()
    assert secret not in repr(ANNE)
    assert secret not in str(ANNE)
    with pytest.raises(FormatError, match="private key") as caught:
        PublicKey.parse(ANNE.text())
    assert secret not in str(caught.value)
    with pytest.raises(FormatError, match="not a private key"):
        PrivateKey.parse(str(ANNE.public))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "anne",
        "anne:",
        ":" + "A" * 43 + "=",
        "anne:" + "A" * 43,
        "anne:" + "A" * 42 + "B=",
        "../anne:" + "A" * 43 + "=",
        "anne:" + "A" * 44,
        "anne:" + "A" * 20 + "\n" + "A" * 23 + "=",
    ],
)
def test_what_is_no_key_is_refused(line: str) -> None:
    with pytest.raises(FormatError):
        PublicKey.parse(line)


def test_a_good_signature_counts_once_however_often_it_stands() -> None:
    twice = sealed(b"{}", ANNE, ANNE)
    signers, standings = envelope.check(twice, TRUSTED)
    assert signers == {ANNE.public}
    assert standings == (SignatureWorth.GOOD, SignatureWorth.GOOD)
    alias = replace(ANNE.public, name="anne-again")
    signers, _ = envelope.check(sealed(b"{}", ANNE, BERT), [*TRUSTED, alias])
    assert len(signers) == 2


def test_a_hint_at_the_key_decides_nothing() -> None:
    hinted = sealed()
    for key_id in ("", "something else", BERT.public.id):
        swapped = replace(hinted, signatures=(replace(hinted.signatures[0], key_id=key_id),))
        assert envelope.check(swapped, TRUSTED)[0] == {ANNE.public}


def test_keys_are_tried_so_often_and_those_that_are_named_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = []
    verifies = PublicKey.verifies

    def counting(key: PublicKey, signature: bytes, message: bytes) -> bool:
        tried.append(key)
        return verifies(key, signature, message)

    monkeypatch.setattr(PublicKey, "verifies", counting)
    monkeypatch.setattr(envelope, "MOST_HASHED", 4 * envelope.ATTEMPT_COST)
    many = [PrivateKey(bytes([n]) * 32, f"k{n}").public for n in range(3, 60)]
    good = sealed(b"{}", ANNE).signatures
    bad = replace(sealed(b"{}", BERT).signatures[0], key_id="")
    signed = replace(sealed(), signatures=(*[bad] * 60, *good))
    signers, standings = envelope.check(signed, [*many, *TRUSTED])
    assert signers == {ANNE.public}
    assert standings == (*[SignatureWorth.UNTRUSTED] * 60, SignatureWorth.GOOD)
    assert len(tried) == 1 + 3


def test_a_key_that_is_not_trusted_counts_nothing() -> None:
    assert envelope.check(sealed(b"{}", BERT), [ANNE.public]) == (
        frozenset(),
        (SignatureWorth.UNTRUSTED,),
    )
    signers, standings = envelope.check(sealed(b"{}", ANNE, BERT), [ANNE.public])
    assert signers == {ANNE.public}
    assert standings == (SignatureWorth.GOOD, SignatureWorth.UNTRUSTED)


def test_an_altered_payload_type_or_signature_is_invalid() -> None:
    good = sealed(b'{"a":1}')
    flipped = bytes([good.signatures[0].signature[0] ^ 1]) + good.signatures[0].signature[1:]
    for bad in (
        replace(good, payload=b'{"a":2}'),
        replace(good, payload_type="text/plain"),
        replace(good, signatures=(replace(good.signatures[0], signature=flipped),)),
        replace(good, signatures=(replace(good.signatures[0], signature=b""),)),
        replace(good, signatures=sealed(b"other").signatures),
    ):
        assert envelope.check(bad, TRUSTED) == (frozenset(), (SignatureWorth.INVALID,))


def test_a_byte_cannot_move_between_the_type_and_the_payload() -> None:
    good = sealed(b" 2 ab")
    assert good.message != envelope.pre_authentication_encoding(good.payload_type + " ", b"2 ab")


@pytest.mark.parametrize(
    "change",
    [
        {"payload": "e30"},
        {"payload": "e31="},
        {"payload": "e3 0="},
        {"payload": 7},
        {"payload": None},
        {"signatures": []},
        {"signatures": {}},
        {"signatures": [{}]},
        {"signatures": [{"sig": "AA==", "keyid": 7}]},
        {"signatures": [{"sig": "AA=="}] * 65},
        {"payloadType": ["application/vnd.in-toto+json"]},
    ],
)
def test_an_envelope_of_another_shape_is_refused(change: dict[str, object]) -> None:
    record = json.loads(envelope.seal(b"{}", [ANNE])) | change
    with pytest.raises(FormatError):
        envelope.parse(json.dumps(record).encode())


def test_a_url_safe_alphabet_is_read_too_but_not_both_mixed() -> None:
    payload = b'{"x":"\xc3\xbf\xc3\xbe>?"}' + b"\xff\xfe\xfb"
    record = json.loads(envelope.seal(payload, [ANNE]))
    record["payload"] = base64.urlsafe_b64encode(payload).decode()
    assert "_" in record["payload"] or "-" in record["payload"]
    assert envelope.check(envelope.parse(json.dumps(record).encode()), TRUSTED)[0]
    record["payload"] = base64.b64encode(b"\xff\xef\xbe\xff").decode().replace("/", "_", 1)
    assert {"_", "/"} <= set(record["payload"])
    with pytest.raises(FormatError, match="base64"):
        envelope.parse(json.dumps(record).encode())


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_other_message_has_the_same_encoding(first: bytes, second: bytes) -> None:
    encode = envelope.pre_authentication_encoding
    kinds = (first.hex(), second.hex())
    same = encode(kinds[0], second) == encode(kinds[1], first)
    assert same == (first == second)
