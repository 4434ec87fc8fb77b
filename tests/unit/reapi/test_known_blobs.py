"""Small blobs that a process has had already."""

from __future__ import annotations

import pytest

from store.reapi import known_blobs
from store.reapi.blob import blob_of
from store.reapi.known_blobs import KnownBlobs


def test_the_oldest_blobs_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_blobs, "MOST", 10)
    monkeypatch.setattr(known_blobs, "SMALL", 6)
    known = KnownBlobs()
    blobs = {blob_of(data).digest: data for data in (b"first", b"other", b"", b"is too large")}
    first, other, empty, large = blobs
    known.add(blobs)
    known.add({first: b"first"})  # it is there already, and counts once
    assert known.of(blobs) == {first: b"first", other: b"other", empty: b""}
    last = blob_of(b"x").digest
    known.add({last: b"x"})
    assert known.of([*blobs, last]) == {other: b"other", empty: b"", last: b"x"}
    assert known.of([large]) == {}
