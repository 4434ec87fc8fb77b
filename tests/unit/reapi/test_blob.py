"""Names of blobs, and which of a server's are none."""

from __future__ import annotations

import pytest

from store.errors import FormatError
from store.reapi.blob import EMPTY, LARGEST, blob_of, read_digest
from store.reapi.messages import message


def test_the_empty_blob_has_the_digest_that_the_api_names() -> None:
    assert blob_of(b"").digest == EMPTY
    assert EMPTY.hash.startswith("e3b0c44298fc1c14")


def test_a_digest_is_that_of_its_bytes_alone() -> None:
    blob = blob_of(b"abc")
    assert blob.digest.is_of(b"abc")
    assert not blob.digest.is_of(b"abd")
    assert not blob.digest._replace(size=4).is_of(b"abc")


def test_a_digest_of_a_server_is_checked() -> None:
    good = blob_of(b"abc").digest
    assert read_digest(message("Digest")(hash=good.hash, size_bytes=3)) == good
    bad = [("", 3), (good.hash.upper(), 3), (good.hash, -1), (good.hash, 2 * LARGEST)]
    for digest, size in bad:
        with pytest.raises(FormatError):
            read_digest(message("Digest")(hash=digest, size_bytes=size))
