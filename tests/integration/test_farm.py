"""Builds by a server of the Remote Execution API: same paths as here, and a record that says so."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import casd
from tests.integration.conftest import TOP, Shop, copy_store


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server that runs actions."""
    with casd.running(tmp_path_factory.mktemp("farm"), *casd.executing()) as url:
        yield url


@pytest.fixture(scope="module")
def client(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A store with the seed's userland, and none of the toys."""
    return Shop(copy_store(seeded, tmp_path_factory.mktemp("client") / "root"))


def levels(shop: Shop, name: str) -> set[str]:
    """The sandbox levels in the records of an object's builds."""
    lines = [each for each in shop.run("info", name).stdout.splitlines() if "sandbox" in each]
    return {line.partition("sandbox ")[2].split(",")[0] for line in lines}


@pytest.mark.parametrize("toy", ["hello", "itself", "pair^*", "downstream", "long-script"])
def test_a_build_comes_out_at_the_path_of_a_local_one(
    farm: str, client: Shop, shop: Shop, toy: str
) -> None:
    assert client.path("realise", toy, "--on", farm) == shop.path("realise", toy)
    assert levels(client, toy.partition("^")[0]) == {"remote"}
    assert client.run("verify", "--contents").returncode == 0


@pytest.mark.trial
def test_tcc_comes_out_at_the_same_paths(farm: str, client: Shop, shop: Shop) -> None:
    words = ("realise", "--seed", "debian", "tcc0.tcc", "tcc1.tcc", "tcc2.tcc")
    there, here = (replace(each, recipes=TOP / "derivations") for each in (client, shop))
    done = there.run(*words, "--on", farm, timeout=1800)
    assert done.returncode == 0, done.stderr
    assert levels(there, "tcc2.tcc") == {"remote"}
    expected = here.run(*words, timeout=1800)
    assert done.stdout.split() == expected.stdout.split()


def test_a_failure_is_the_builders_and_its_log_is_here(farm: str, client: Shop) -> None:
    done = client.run("realise", "fails", "--on", farm)
    assert done.returncode == 31
    assert "exit status 7" in done.stderr
    assert client.run("log", "fails").stdout.splitlines() == [
        *("line 1", "line 2", "line 3", "the last word")
    ]


def test_an_output_that_was_not_made_is_missing(farm: str, client: Shop) -> None:
    assert client.run("realise", "forgets", "--on", farm).returncode == 32


def test_an_interruption_cancels_the_action(farm: str, client: Shop) -> None:
    process = client.start("realise", "sleeps", "--on", farm)
    end = time.monotonic() + 30
    while not sleepers():
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(120) == 130
    while sleepers():
        assert time.monotonic() < end + 10, "the action goes on"
        time.sleep(0.1)


def test_a_lost_connection_is_taken_up_again(farm: str, client: Shop) -> None:
    with Relay(farm.partition(":")[2]) as relay:
        process = client.start("realise", "slow", "--on", relay.url)
        end = time.monotonic() + 30
        while not sleepers(b"2"):
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.05)
        relay.drop()
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert levels(client, "slow") == {"remote"}
    assert relay.accepted > 1


def test_blobs_that_the_server_lost_unseen_are_sent_again(
    client: Shop, tmp_path: Path, shop: Shop
) -> None:
    with casd.running(tmp_path / "farm", *casd.executing()) as url:
        client.path("gc")
        assert client.run("realise", "hello", "--on", url).returncode == 0
        for path in (tmp_path / "farm/cache/cas/objects").rglob("*"):
            if path.is_file():
                path.unlink()
        done = client.run("realise", "downstream", "--on", url)
        assert (done.returncode, done.stdout.strip()) == (0, shop.path("realise", "downstream")), (
            done.stderr
        )


class Relay:
    """A socket between a client and a server, whose connections can be dropped."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._folder = tempfile.TemporaryDirectory(prefix="relay")
        self._socket = socket.socket(socket.AF_UNIX)
        self._open: list[socket.socket] = []
        self.accepted = 0
        self.url = f"grpc+unix:{self._folder.name}/socket"

    def __enter__(self) -> Relay:
        self._socket.bind(f"{self._folder.name}/socket")
        self._socket.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()
        self._socket.close()
        self._folder.cleanup()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._socket.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._target)
                self.accepted += 1
                self._open += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._copy, args=pair, daemon=True).start()

    def _copy(self, source: socket.socket, into: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                into.sendall(data)
        with contextlib.suppress(OSError):
            into.shutdown(socket.SHUT_RDWR)

    def drop(self) -> None:
        """End all connections that there are."""
        while self._open:
            with contextlib.suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)


def sleepers(seconds: bytes = b"1000") -> list[str]:
    """Processes of a toy that sleeps, which the server runs."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            root = Path(f"/proc/{pid}/root/build").exists()
        except OSError:
            continue
        if words[:2] == [b"sleep", seconds] and root:
            found.append(pid)
    return found


def test_a_server_that_is_not_there_is_an_error(client: Shop) -> None:
    done = client.run("realise", "bare", "--on", "grpc+unix:/nonexistent/socket")
    assert done.returncode == 42
    assert "there is no such socket" in done.stderr


def test_a_url_is_checked_before_any_work(client: Shop) -> None:
    done = client.run("realise", "bare", "--on", "grpc://user:hush@farm.example:1")
    assert done.returncode == 2
    assert "hush" not in done.stderr


def test_a_remote_build_is_not_attested_as_full(
    farm: str, client: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.path("realise", "hello", "--on", farm)
    client.env["XDG_CONFIG_HOME"] = str(tmp_path)
    client.env["XDG_DATA_HOME"] = str(tmp_path)
    client.run("key", "new", "test")
    done = client.run("attest", "hello")
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout.splitlines()[0])
    told = json.loads(base64.b64decode(line["payload"]))
    assert told["predicate"]["runDetails"]["metadata"]["fixpoint_sandbox"] == "remote"
