"""The committed bytes of every kind of record are still those that the program writes.

The files were made once, with ``text`` of ``examples.py``.
When a test here fails, the format has changed: every digest of every store is another.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from store import digest
from store.model.realisation import Realisation
from tests.golden import examples

HERE = Path(__file__).parent


def committed(name: str) -> tuple[bytes, str]:
    head, _, result = (HERE / f"{name}.txt").read_text().partition("result:\n")
    return bytes.fromhex(head.removeprefix("encoding:\n")), result.strip()


def test_every_example_has_its_file() -> None:
    assert {path.stem for path in HERE.glob("*.txt")} == set(examples.EXAMPLES)


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_the_bytes_are_the_committed_ones(name: str) -> None:
    example = examples.EXAMPLES[name]
    assert committed(name) == (example.encoding, example.result)
    assert (HERE / f"{name}.txt").read_text() == examples.text(example)


@pytest.mark.parametrize("name", examples.KEYED)
def test_the_result_is_the_keyed_digest_of_the_bytes(name: str) -> None:
    encoding, result = committed(name)
    keyed = digest.keyed(examples.KEYED[name], encoding)
    text = digest.to_text(keyed[:20])
    assert result == keyed.hex() or result.startswith(f"/store/{text}-")


@pytest.mark.parametrize("name", examples.DECODERS)
def test_the_bytes_are_read_back(name: str) -> None:
    encoding, _ = committed(name)
    assert examples.DECODERS[name](encoding).encode() == encoding


def test_a_stored_realisation_has_its_origin_and_the_digest_of_the_record() -> None:
    encoding, result = committed("realisation-stored")
    stored = Realisation.from_stored(encoding)
    assert stored == examples.SIGNED
    assert stored.stored() == encoding
    assert result == examples.REALISATION.digest().hex()


def test_a_files_digest_is_plain_blake3() -> None:
    # The test vector of BLAKE3 for no input.
    empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    assert digest.file_digest(b"").hex() == empty
