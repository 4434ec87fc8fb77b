"""Builds by workers of ours: the same paths, the whole sandbox, signed; and workers that end."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from store.reapi.endpoint import parse
from store.reapi.process_messages import TakenUp
from store.reapi.server import Server
from tests import farm_server
from tests.integration.conftest import Shop, copy_store

Begin = Callable[..., subprocess.Popen[str]]
SUFFIXES = {"tar": "tar", "oci": "oci", "disk": "img"}


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server that hands out leases."""
    with farm_server.running(tmp_path_factory.mktemp("farm")) as url:
        yield url


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> list[Shop]:
    """The stores of two workers, with one key."""
    place = tmp_path_factory.mktemp("workers")
    env = {"XDG_CONFIG_HOME": str(place / "config"), "XDG_DATA_HOME": str(place / "data")}
    made = [Shop(place / name, env=env) for name in ("first", "second")]
    assert made[0].run("key", "new", "farm").returncode == 0
    return made


@pytest.fixture(scope="module")
def client(seeded: Path, workers: list[Shop], tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A store with the seed's userland, whose user trusts the workers' key."""
    place = tmp_path_factory.mktemp("client")
    root = copy_store(seeded, place / "root")
    made = Shop(root, env={"XDG_CONFIG_HOME": str(place / "config")})
    key = Path(workers[0].env["XDG_CONFIG_HOME"]) / "fixpoint" / "keys" / "farm.pub"
    assert made.run("key", "trust", str(key)).returncode == 0
    return made


@pytest.fixture
def begin(farm: str) -> Iterator[Begin]:
    """Begins workers; they are ended after the test."""
    begun: list[subprocess.Popen[str]] = []

    def work(shop: Shop, *words: str) -> subprocess.Popen[str]:
        begun.append(shop.start("worker", farm, *words))
        return begun[-1]

    yield work
    for process in begun:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)


@pytest.fixture
def on(farm: str) -> tuple[str, ...]:
    """The options that have builds done by workers."""
    return ("--on", farm, "--remote-sandbox", "worker")


def builds(process: subprocess.Popen[str], name: str) -> None:
    """Wait until a worker says that it builds this."""
    assert process.stderr is not None
    for line in process.stderr:
        if f"builds {name}" in line:
            return
    pytest.fail("the worker ended")


def test_a_build_has_the_path_and_the_sandbox_of_a_local_one(
    begin: Begin, workers: list[Shop], client: Shop, shop: Shop, on: tuple[str, ...]
) -> None:
    begin(workers[0], "--jobs", "2")
    for toy in ("itself", "pair^*", "long-script"):
        assert client.path("realise", toy, *on) == shop.path("realise", toy)
    told = client.run("info", "itself").stdout
    assert "sandbox full" in told
    assert "signed by farm" in told
    assert client.run("verify", "--contents").returncode == 0


def test_only_the_closure_of_the_goal_comes_here(
    begin: Begin, workers: list[Shop], client: Shop, shop: Shop, on: tuple[str, ...]
) -> None:
    begin(workers[0])
    before = set(os.listdir(client.root / "store"))
    found = client.path("realise", "downstream", *on)
    assert found == shop.path("realise", "downstream")
    closure = {
        os.path.basename(line.split()[0]) for line in shop.run("closure", found).stdout.splitlines()
    }
    assert set(os.listdir(client.root / "store")) - before <= closure


@pytest.mark.parametrize("form", ["tar", "oci", "disk"])
def test_an_image_of_builds_of_a_worker_is_the_one_made_here(
    begin: Begin,
    workers: list[Shop],
    client: Shop,
    on: tuple[str, ...],
    shop: Shop,
    tmp_path: Path,
    form: str,
) -> None:
    worker = begin(workers[0])
    fresh = replace(client, root=tmp_path / "root")
    userland = client.path("realise", "userland")
    fresh.path("import", "--from", str(client.root), userland, "--trust-unsigned")
    made = fresh.path("image", form, "pair", *on)
    builds(worker, f"pair.{SUFFIXES[form]}")
    assert made == shop.path("image", form, "pair")
    assert "signed by farm" in fresh.run("info", made).stdout
    assert fresh.run("verify", "--contents").returncode == 0
    assert fresh.path("image", form, "pair") == made


def test_the_builders_failure_is_one_here_with_its_log(
    begin: Begin, workers: list[Shop], client: Shop, on: tuple[str, ...]
) -> None:
    begin(workers[0])
    done = client.run("realise", "fails", *on)
    assert done.returncode == 31
    assert done.stderr.count("building fails failed: exit status 7") == 2  # as it ends, and last
    assert client.run("log", "fails").stdout.splitlines()[-1] == "the last word"
    assert client.run("realise", "forgets", *on).returncode == 32


def test_the_clients_limits_are_kept_by_a_worker(
    begin: Begin, workers: list[Shop], client: Shop, on: tuple[str, ...]
) -> None:
    begin(workers[0])
    for option, code in (("--max-silent-time", 35), ("--timeout", 34)):
        done = client.run("realise", "sleeps", *on, option, "1")
        assert done.returncode == code, done.stderr
    done = client.run("realise", "fails", *on, "--max-log-size", "10")
    assert done.returncode == 38, done.stderr


def test_an_option_that_a_server_does_not_keep_is_refused(client: Shop, farm: str) -> None:
    for option in (("--max-silent-time", "1"), ("--keep-failed",)):
        done = client.run("realise", "fails", "--on", farm, *option)
        assert done.returncode == 2, done.stderr
        assert option[0] in done.stderr


def test_a_killed_worker_costs_its_build_a_retry(
    begin: Begin, workers: list[Shop], client: Shop, on: tuple[str, ...]
) -> None:
    first = begin(workers[0])
    process = client.start("realise", "slow", *on)
    builds(first, "slow")
    os.killpg(first.pid, signal.SIGKILL)
    second = begin(workers[1])
    builds(second, "slow")
    assert process.wait(120) == 0, process.communicate()


def test_a_worker_that_is_to_end_gives_its_build_back(
    begin: Begin, workers: list[Shop], client: Shop, on: tuple[str, ...]
) -> None:
    first = begin(workers[0])
    process = client.start("realise", "sleeps", *on)
    builds(first, "sleeps")
    first.send_signal(signal.SIGTERM)
    assert first.wait(120) == 143
    builds(begin(workers[1]), "sleeps")
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(120) == 130


def test_jobs_that_share_a_connection_give_their_builds_back_when_one_is_killed(
    begin: Begin, workers: list[Shop], client: Shop, on: tuple[str, ...]
) -> None:
    first = begin(workers[0], "--jobs", "2")
    process = client.start("realise", "sleeps", *on)
    builds(first, "sleeps")
    children = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    group = os.getpgid(first.pid)
    jobs = [int(pid) for pid in children if os.getpgid(int(pid)) == group]
    assert (len(children), len(jobs)) == (3, 2)  # one process speaks to the server for both
    for pid in jobs:
        os.kill(pid, signal.SIGKILL)
    assert first.wait(120) == 1
    builds(begin(workers[1]), "sleeps")
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(120) == 130


def test_an_interruption_ends_the_build_of_a_worker(
    begin: Begin, workers: list[Shop], client: Shop, on: tuple[str, ...]
) -> None:
    worker = begin(workers[0])
    process = client.start("realise", "sleeps", *on)
    builds(worker, "sleeps")
    time.sleep(0.5)  # the client knows the name of the action
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(120) == 130
    assert worker.stderr is not None
    assert "withdrawn" in worker.stderr.readline()


def test_the_collector_takes_the_builds_of_an_idle_worker(
    begin: Begin, workers: list[Shop], client: Shop, on: tuple[str, ...]
) -> None:
    begin(workers[0])
    built = Path(client.path("realise", "itself", *on)).name
    end = time.monotonic() + 60
    while (workers[0].root / "store" / built).exists():
        assert time.monotonic() < end, "the worker keeps it"
        time.sleep(1)
        assert workers[0].run("gc").returncode == 0


def test_builds_that_no_worker_takes_are_reported_with_what_to_do(
    begin: Begin, workers: list[Shop], client: Shop, farm: str, on: tuple[str, ...]
) -> None:
    server = Server(parse(farm))
    other = server.work("another kind", {"ISA": "x86-64", "OSFamily": "linux"})
    try:
        process = client.start("realise", "bare", *on)
        assert process.stderr is not None
        said = list(itertools.takewhile(lambda line: "hint:" not in line, process.stderr))
        assert f"no worker of {farm} has begun the build in 1" in said[-1]
        assert isinstance(other.next(0), TakenUp)
        assert other.next(0) is None
        begin(workers[0])
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    finally:
        server.close()


def test_a_result_of_a_key_that_is_not_trusted_is_an_error(
    begin: Begin, workers: list[Shop], client: Shop, on: tuple[str, ...], tmp_path: Path
) -> None:
    begin(workers[0])
    other = replace(client, env={"XDG_CONFIG_HOME": str(tmp_path)})
    done = other.run("realise", "hello", *on)
    assert done.returncode == 2, "nothing is asked for that could not count"
    assert "no key is trusted" in done.stderr
    other.path("key", "new", "other")
    other.path("key", "trust", str(tmp_path / "fixpoint" / "keys" / "other.pub"))
    done = other.run("realise", "hello", *on)
    assert done.returncode == 42
    assert "key is not trusted" in done.stderr


def test_a_build_without_the_option_for_workers_says_so(
    begin: Begin, workers: list[Shop], client: Shop, farm: str
) -> None:
    begin(workers[0])
    done = client.run("realise", "hello", "--on", farm)
    assert done.returncode == 42
    assert "`--remote-sandbox worker` has those sent" in done.stderr


def test_a_worker_without_a_server_is_an_error(workers: list[Shop]) -> None:
    done = workers[0].run("worker", "grpc+unix:/nonexistent/socket")
    assert done.returncode == 42
    assert "there is no such socket" in done.stderr
    assert "waiting" not in done.stderr
    assert "hint: see whether the server runs" in done.stderr
