"""A farm that lets in only whom it knows, by TLS; and workers that it does not hear for a while."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests import farm_server
from tests.certificates import Authority
from tests.integration import grpc_gate
from tests.integration.conftest import Shop, copy_store

TOKEN = "geheim-t0k3n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server without TLS."""
    with farm_server.running(tmp_path_factory.mktemp("farm")) as url:
        yield url


@pytest.fixture(scope="module")
def gate(farm: str, authority: Authority) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and the URL of a gate before it, which wants certificates and a token."""
    certificate = authority.issue("server")
    with grpc_gate.begun(
        behind=farm,
        certificate=str(certificate),
        key=str(certificate.with_suffix(".key")),
        clients=str(authority.certificate),
        token=TOKEN,
    ) as found:
        yield found


@pytest.fixture(scope="module")
def user(seeded: Path, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A store whose user has a key, trusts it, and has all files for the server."""
    place = tmp_path_factory.mktemp("user")
    root = copy_store(seeded, place / "root")
    made = Shop(root, env={"XDG_CONFIG_HOME": str(place / "config")})
    folder = place / "config" / "fixpoint" / "hosts" / "127.0.0.1"
    folder.mkdir(parents=True)
    shutil.copy(authority.certificate, folder / "ca.pem")
    certificate = authority.issue("client")
    shutil.copy(certificate, folder / "client.pem")
    shutil.copy(certificate.with_suffix(".key"), folder / "client.key")
    (folder / "token").touch(0o600)
    (folder / "token").write_text(f"{TOKEN}\n")
    made.path("key", "new", "farm")
    made.path("key", "trust", str(place / "config" / "fixpoint" / "keys" / "farm.pub"))
    return made


@contextmanager
def working(user: Shop, root: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    """A worker with the user's files, on a store of its own."""
    process = replace(user, root=root).start("worker", url)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        print(process.communicate(timeout=120)[1])


def says(process: subprocess.Popen[str], words: str) -> None:
    """Wait until a worker says this."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    pytest.fail("the worker ended")


def test_a_worker_and_its_client_are_let_in_by_their_files(
    user: Shop, shop: Shop, gate: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    _, url = gate
    with working(user, tmp_path / "worker", url):
        done = user.run("--debug", "realise", "pair^*", "--on", url, "--remote-sandbox", "worker")
    assert (done.returncode, done.stdout.strip()) == (0, shop.path("realise", "pair^*"))
    assert TOKEN not in done.stderr
    assert "signed by farm" in user.run("info", "pair").stdout


@pytest.mark.parametrize("without", ["ca.pem", "client.pem", "token", "right token"])
def test_a_worker_that_is_not_let_in_says_what_it_lacks(
    user: Shop, gate: tuple[subprocess.Popen[str], str], tmp_path: Path, without: str
) -> None:
    _, url = gate
    hosts = Path(user.env["XDG_CONFIG_HOME"]) / "fixpoint" / "hosts"
    folder = shutil.copytree(hosts, tmp_path / "hosts") / "127.0.0.1"
    if without == "right token":
        (folder / "token").touch(0o600)
        (folder / "token").write_text("another-secret\n")
    else:
        (folder / without).unlink()
    if without == "client.pem":
        (folder / "client.key").unlink()
    env = {**user.env, "STORE_HOST_FILES": str(tmp_path / "hosts")}
    done = replace(user, root=tmp_path / "worker", env=env).run("worker", url)
    assert done.returncode == 42, done.stderr
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("store: ")]
    assert url in said
    assert ("ca.pem" if without == "ca.pem" else "client.key, token") in done.stderr
    assert "another-secret" not in done.stderr


def test_a_worker_that_was_cut_off_loses_its_build_and_goes_on(
    user: Shop, farm: str, gate: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    door, url = gate
    on = ("--on", farm, "--remote-sandbox", "worker")
    with working(user, tmp_path / "far", url) as far:
        client = user.start("realise", "sleeps", *on)
        says(far, "builds sleeps")
        door.send_signal(signal.SIGSTOP)
        try:
            with working(user, tmp_path / "near", farm) as near:
                says(near, "builds sleeps")
                door.send_signal(signal.SIGCONT)
                says(far, "withdrawn")
                os.killpg(client.pid, signal.SIGINT)
                assert client.wait(120) == 130, client.communicate()
                says(near, "withdrawn")
        finally:
            door.send_signal(signal.SIGCONT)
        assert user.run("realise", "itself", *on).returncode == 0
