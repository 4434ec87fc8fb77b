"""A server of the Remote Execution API: blobs sent and got, and servers that fail."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.errors import ServerUnusable, StorageError
from store.reapi.blob import Blob, blob_of
from store.reapi.blob_transfer import BATCH
from store.reapi.endpoint import parse
from store.reapi.messages import message
from store.reapi.server import Server
from store.reapi.service import RESULT_LIMIT
from store.system import kernel
from tests import casd


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with casd.running(tmp_path / "casd") as found:
        yield found


@pytest.fixture
def server(url: str) -> Iterator[Server]:
    found = Server(parse(url))
    yield found
    found.close()


def test_blobs_of_all_sizes_come_back(server: Server, tmp_path: Path) -> None:
    sizes = [0, 1, 1000, BATCH - 1, BATCH, 3 * BATCH + 1]
    blobs = [blob_of(os.urandom(size)) for size in sizes]
    file = tmp_path / "file"
    file.write_bytes(b"x" * 2 * BATCH)
    ((digest, _),) = server.hash_files([str(file)])
    blobs.append(Blob(digest, str(file)))
    names = [blob.digest for blob in blobs]
    assert server.missing(names) == {each for each in names if each.size}
    assert server.read_small(names[1:], 1 << 30) == {}
    assert sum(server.send(blobs)) == sum(each.size for each in names)
    assert server.missing(names) == set()
    found = server.read_small(names, 1 << 30)
    assert [found[blob.digest] for blob in blobs[:-1]] == [blob.source for blob in blobs[:-1]]
    assert found[digest] == file.read_bytes()


def test_the_caller_stays_without_threads(server: Server) -> None:
    before = kernel.threads()  # another test may have left one
    assert server.capabilities().updates_results
    assert kernel.threads() == before
    assert "grpc" not in sys.modules


def test_a_file_that_has_changed_is_not_sent(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"as it was")
    ((digest, _),) = server.hash_files([str(file)])
    file.write_bytes(b"as it is now")
    with pytest.raises(StorageError, match="another size"):
        list(server.send([Blob(digest, str(file))]))
    assert server.missing([digest]) == {digest}


def test_results_of_actions_are_kept(server: Server) -> None:
    action, other = blob_of(b"an action"), blob_of(b"another")
    result = message("ActionResult")(exit_code=3).SerializeToString()
    server.set_result(action.digest, result)
    found = server.results([other.digest, action.digest])
    assert list(found) == [action.digest]
    assert message("ActionResult").FromString(found[action.digest]).exit_code == 3


def test_a_large_result_of_an_action_is_passed_over(server: Server) -> None:
    action, other = blob_of(b"an action"), blob_of(b"another")
    for each, size in ((action, RESULT_LIMIT // 2), (other, RESULT_LIMIT)):
        result = message("ActionResult")(stdout_raw=b"x" * size).SerializeToString()
        server.set_result(each.digest, result)
    assert list(server.results([other.digest, action.digest])) == [action.digest]


def test_a_server_that_refuses_is_given_up_at_once() -> None:
    began = time.monotonic()
    server = Server(parse("grpc+unix:/nonexistent/socket"))
    for _ in range(2):
        with pytest.raises(ServerUnusable, match="there is no such socket"):
            server.capabilities()
    server.close()
    assert time.monotonic() - began < 4


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.reapi.channel.CONNECT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = Server(parse(f"grpc://127.0.0.1:{silent.getsockname()[1]}"))
        with pytest.raises(ServerUnusable, match="no connection within"):
            server.capabilities()
        server.close()


def test_a_server_that_ends_meanwhile_is_an_error(tmp_path: Path) -> None:
    with casd.running(tmp_path / "casd") as url:
        server = Server(parse(url))
        server.capabilities()
    with pytest.raises(ServerUnusable):
        server.missing([blob_of(b"x").digest])
    server.close()


def test_the_other_process_ends_with_its_caller(server: Server) -> None:
    server.capabilities()
    pid = server._pid
    server.close()
    assert not os.path.exists(f"/proc/{pid}")
