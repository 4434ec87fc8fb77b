"""The calls in the process that speaks to the server."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from store.errors import ServerUnusable
from store.reapi.blob import Blob, blob_of
from store.reapi.endpoint import Endpoint, server_files
from store.reapi.process_messages import LeaseEnd
from store.reapi.service import ReapiService
from store.system.patience import Patience

BLOB = blob_of(b"an output")


class Bot:
    """A worker's session that notes the ends of its leases."""

    def __init__(self, told: list[object]) -> None:
        self._told = told

    def finish(self, end: LeaseEnd) -> None:
        self._told.append(end)


class Service(ReapiService):
    """Notes the blobs that it is to send; with ``refuses``, the server takes none."""

    def __init__(self, told: list[object], *, refuses: bool = False) -> None:
        endpoint = Endpoint("localhost", 1)
        super().__init__(endpoint, server_files(endpoint), Patience(math.inf))
        self._told = told
        self._refuses = refuses
        bot: Any = Bot(told)
        self._bots["bot"] = (bot, 0)

    def send(self, blobs: Sequence[Blob]) -> Iterator[int]:
        if self._refuses:
            raise ServerUnusable("it has no room")
        self._told += [blob.digest for blob in blobs]
        yield 0


def test_the_blobs_of_a_result_are_sent_before_the_end_of_its_lease() -> None:
    told: list[object] = []
    end = LeaseEnd("lease", b"result")
    assert list(Service(told).finish("bot", end, [BLOB])) == [None]
    assert told == [BLOB.digest, end]


def test_a_lease_does_not_end_by_a_result_of_which_a_part_is_missing() -> None:
    told: list[object] = []
    with pytest.raises(ServerUnusable):
        list(Service(told, refuses=True).finish("bot", LeaseEnd("lease", b"result"), [BLOB]))
    assert not told
