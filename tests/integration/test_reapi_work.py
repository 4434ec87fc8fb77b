"""Work in the process that speaks to a server, and the face that an executor sees of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from store.errors import StoreError
from store.farm.farm_job import FarmJob
from store.job_errors import BuildError
from store.reapi.blob import blob_of
from store.reapi.endpoint import parse
from store.reapi.server import Server
from store.reapi.server_calls import ServerCalls
from store.reapi.service import StreamEnd
from tests import farm_server

BLOB = blob_of(b"some bytes")


def kept(server: ServerCalls, connection: Connection[Any, Any]) -> object:
    connection.send("sending")
    list(server.send([BLOB]))
    return server.read_small([BLOB.digest], 100)


def failing(error: Exception, server: ServerCalls, connection: Connection[Any, Any]) -> object:
    raise error


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with farm_server.running(tmp_path_factory.mktemp("farm") / "server") as url:
        found = Server(parse(url))
        yield found
        found.close()


def test_messages_come_before_the_value_and_the_connection_is_used_again(server: Server) -> None:
    jobs = [FarmJob(server, kept, "toy") for _ in range(2)]
    for job in jobs:
        assert [job.receive() for _ in range(2)] == ["sending", {BLOB.digest: b"some bytes"}]
        assert isinstance(job.receive(), StreamEnd)
        job.reap()
    free = {job.connection for job in jobs}
    assert FarmJob(server, kept, "toy").connection in free


def test_an_error_is_a_message(server: Server) -> None:
    job = FarmJob(server, partial(failing, BuildError("no")), "toy")
    error = job.receive()
    assert isinstance(error, BuildError)
    assert isinstance(job.receive(), StreamEnd)
    job.kill()


def test_the_end_of_the_process_is_an_error_of_each_job(tmp_path: Path) -> None:
    with farm_server.running(tmp_path / "server") as url:
        found = Server(parse(url))
        job = FarmJob(found, kept, "toy")
        found.close()
        messages = [job.receive() for _ in range(4)]
        assert isinstance(messages[-1], StoreError)
        job.reap()
