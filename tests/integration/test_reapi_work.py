"""Work in the process that speaks to a server, and the face that an executor sees of it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from store.errors import ServerUnusable, StoreError
from store.farm.derivation_action import PROPERTY
from store.farm.encoded_action import encoded_action, kept
from store.farm.farm_job import FarmJob
from store.job_errors import BuildError
from store.reapi.blob import Blob, blob_of
from store.reapi.endpoint import parse
from store.reapi.messages import message
from store.reapi.process_messages import StreamEnd
from store.reapi.server import Server
from store.reapi.server_calls import ServerCalls
from store.system.forking import ForkedCall
from tests import farm_server

BLOB = blob_of(b"some bytes")


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, for half a minute at most."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def sending(server: ServerCalls, connection: Connection[Any, Any]) -> object:
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
    jobs = [FarmJob(server, sending, "toy") for _ in range(2)]
    for job in jobs:
        assert [job.receive() for _ in range(2)] == ["sending", {BLOB.digest: b"some bytes"}]
        assert isinstance(job.receive(), StreamEnd)
        job.reap()
    free = {job.connection for job in jobs}
    assert FarmJob(server, sending, "toy").connection in free


def tidying(folder: Path, server: ServerCalls, connection: Connection[Any, Any]) -> None:
    """Send a message, and be done when a file is there."""
    connection.send("done")
    while not (folder / "go").exists():
        time.sleep(0.01)
    (folder / "tidied").touch()


def test_work_that_tidies_up_holds_nobody_up_and_its_connection_comes_back(
    server: Server, tmp_path: Path
) -> None:
    stream = server.perform(partial(tidying, tmp_path))
    assert stream.connection.recv() == "done"
    stream.release_later()
    other = server.perform(sending)  # while the first goes on
    assert other.connection is not stream.connection
    assert other.connection.recv() == "sending"
    (tmp_path / "go").touch()
    until(lambda: server.perform(sending).connection is stream.connection)


def test_the_end_of_a_server_waits_for_work_that_tidies_up(tmp_path: Path) -> None:
    with farm_server.running(tmp_path / "server") as url:
        found = Server(parse(url))
        stream = found.perform(partial(tidying, tmp_path))
        assert stream.connection.recv() == "done"
        stream.release_later()
        threading.Timer(0.1, (tmp_path / "go").touch).start()
        found.close()
        assert (tmp_path / "tidied").exists()


def test_a_server_that_is_prepared_connects_before_it_is_called(tmp_path: Path) -> None:
    with farm_server.running(tmp_path / "server") as url:
        found = Server(parse(url), prepare=(tmp_path / "prepared").touch)
        until((tmp_path / "prepared").exists)
        assert found.capabilities().executes
        found.close()
    found = Server(parse(url), prepare=lambda: None)  # nobody is there any more
    with pytest.raises(ServerUnusable):
        found.capabilities()
    found.close()


def asking(folder: Path, server: ServerCalls, connection: Connection[Any, Any]) -> None:
    """Have an action run that no worker takes, and note its end."""
    blobs: list[Blob] = []
    root = kept(blobs, message("Directory")())
    action = encoded_action(blobs, message("Command")(arguments=["x"]), root, {PROPERTY: "0"}, None)
    list(server.send(action.blobs))
    try:
        for _ in server.execute(action.digest, skip_cache=True):
            connection.send("asked")
    finally:
        (folder / "ended").touch()


def test_the_end_of_work_waits_for_no_forked_process(server: Server, tmp_path: Path) -> None:
    stream = server.perform(partial(asking, tmp_path))
    assert stream.connection.recv() == "asked"
    child = ForkedCall(partial(time.sleep, 60))  # it has the connection, too
    stream.cancel()
    until((tmp_path / "ended").exists)
    child.cancel()
    stream.cancel()


def test_a_server_ends_where_the_end_of_processes_is_ignored(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # as a parent may have left it
    try:
        Server(parse(f"grpc+unix:{tmp_path}/missing"), prepare=lambda: None).close()
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_an_error_is_a_message(server: Server) -> None:
    job = FarmJob(server, partial(failing, BuildError("no")), "toy")
    error = job.receive()
    assert isinstance(error, BuildError)
    assert isinstance(job.receive(), StreamEnd)
    job.kill()


def test_the_end_of_the_process_is_an_error_of_each_job(tmp_path: Path) -> None:
    with farm_server.running(tmp_path / "server") as url:
        found = Server(parse(url))
        job = FarmJob(found, sending, "toy")
        found.close()
        messages = [job.receive() for _ in range(4)]
        assert isinstance(messages[-1], StoreError)
        job.reap()
