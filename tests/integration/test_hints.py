"""A cache or a server that cannot be used is one error, and a hint at what to do about it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.integration import grpc_gate
from tests.integration.conftest import Shop
from tests.unit.cache.web import serving

OBJECT = f"/store/{'0' * 32}-absent"
RUNNING = "whether the server runs, and whether host and port"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A store with nothing in it, whose user has a key."""
    place = tmp_path_factory.mktemp("empty")
    made = Shop(place / "root", env={"XDG_CONFIG_HOME": str(place / "config")})
    (place / "text").write_text("a text\n")
    made.path("add", str(place / "text"))
    made.path("key", "new", "own")
    return made


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Hosts and ports: of a web server that has no cache, of one that speaks TLS with the name of
    another host, and of none."""
    folder = tmp_path_factory.mktemp("web")
    authority = Authority(tmp_path_factory.mktemp("authority"))
    context = authority.server_context(clients=False)
    with socket.socket() as closed, serving(folder) as web, serving(folder, context) as secure:
        closed.bind(("127.0.0.1", 0))
        yield {
            "WEB": web.url.partition("//")[2],
            "TLS": secure.url.partition("//")[2],
            "NONE": f"127.0.0.1:{closed.getsockname()[1]}",
            "HOST": "no-such-host.invalid:8980",
            "FOLDER": str(folder),
        }


def blamed(done: subprocess.CompletedProcess[str], code: int) -> tuple[str, str]:
    """Return the error and the hint of a command, of which there is one each."""
    assert done.returncode == code, done.stderr
    lines = done.stderr.splitlines()
    (error,) = [line for line in lines if line.startswith("store: ")]
    (hint,) = [line for line in lines if line.startswith("  hint: ")]
    assert "Traceback" not in done.stderr
    return error, hint


REASONS = {
    "http://NONE": ("Connection refused", "name the proxy"),
    "http://HOST": ("cannot be used: ", "/etc/resolv.conf"),
    "http://WEB": ("there is no cache", "a first `store push` makes it one"),
    "https://WEB": ("it does not speak TLS", "use an http: URL"),
    "https://TLS": ("the certificate is not trusted", "ca.pem"),
    "http://TLS": ("cannot be used: ", "has an https: URL"),
    "grpc://NONE": ("it refuses connections", RUNNING),
    "grpc://HOST": ("no address of its host is known", "the host's name"),
    "grpc://WEB": ("it does not speak gRPC", "begins with http: or https:"),
    "grpcs://WEB": ("it does not speak TLS", "use a grpc: URL"),
    "grpcs://TLS": ("its certificate is not trusted", "ca.pem"),
    "grpc://TLS": ("it does not speak gRPC", "begins with grpcs:"),
    "grpc+unix:FOLDER/none": ("there is no such socket", RUNNING),
}


def placed(url: str, servers: dict[str, str]) -> str:
    """Return a URL with the servers' places instead of their names."""
    for name, place in servers.items():
        url = url.replace(name, place)
    return url


@pytest.mark.parametrize("url", REASONS)
def test_a_cache_that_is_none_says_why_and_what_to_do(
    empty: Shop, servers: dict[str, str], url: str
) -> None:
    reason, remedy = REASONS[url]
    url = placed(url, servers)
    error, hint = blamed(empty.run("import", "--from", url, OBJECT), 27)
    assert url in error
    assert reason in error
    assert remedy in hint


@pytest.mark.parametrize("url", [url for url in REASONS if url.startswith("grpc")])
def test_a_farm_that_is_none_says_the_same_to_a_worker(
    empty: Shop, servers: dict[str, str], url: str
) -> None:
    reason, remedy = REASONS[url]
    url = placed(url, servers)
    error, hint = blamed(empty.run("worker", url), 42)
    assert reason in error
    assert remedy in hint


@pytest.mark.parametrize(
    ("words", "reason", "remedy"),
    [
        (
            ("push", "--to", "ftp://host/cache", "--all"),
            "is no URL of a cache",
            "one is /srv/cache",
        ),
        (("push", "--to", "file:cache", "--all"), "no folder of this machine", "file:///srv/cache"),
        (("push", "--to", "http://a host/c", "--all"), "names no cache", "http://HOST/PATH"),
        (("push", "--to", "grpc://host", "--all"), "host or port is missing", "grpc://HOST:PORT"),
        (("push", "--to", "grpc+unix:a", "--all"), "its path cannot be one", "grpc+unix:/PATH"),
        (("cache", "info", "grpc://host:1"), "is a server", "the folder of a cache"),
        (("cache", "prune", "http://host/c"), "only a folder can be listed", "on the machine"),
        (("worker", "http://host:1"), "the scheme is none of grpc", "grpc://HOST:PORT"),
        (("realise", "itself", "--on", "https://host:1"), "the scheme is none of", "grpc://HOST"),
        (("realise", "itself", "--remote-jobs", "2"), "--remote-jobs is about builds on a", "--on"),
        (("realise", "itself", "--remote-sandbox", "worker"), "and none is named", "--on URL"),
        (("realise", "itself", "--cache-only"), "no cache to take anything from", "--cache"),
    ],
)
def test_a_wrong_url_or_option_is_refused_before_any_work(
    empty: Shop, words: tuple[str, ...], reason: str, remedy: str
) -> None:
    error, hint = blamed(empty.run(*words), 2)
    assert reason in error
    assert remedy in hint


def test_a_file_in_the_place_of_a_cache_is_named(empty: Shop, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (oid,) = [each.name for each in (empty.root / "store").iterdir() if each.name.endswith("text")]
    error, hint = blamed(empty.run("push", "--to", str(tmp_path / "file"), f"/store/{oid}"), 27)
    assert "a file in the place of a folder" in error
    assert "name another folder" in hint


@pytest.mark.parametrize("scheme", ["https", "grpcs"])
@pytest.mark.parametrize(
    ("name", "content", "mode", "reason", "remedy"),
    [
        ("token", "secret", 0o644, "is open to every user (mode 0644)", "chmod 600"),
        ("token", "two secrets", 0o600, "not one word of visible ASCII", "the token alone"),
        ("ca.pem", "junk", 0o644, "is not in the form PEM", "BEGIN CERTIFICATE"),
        ("client.pem", "-----BEGIN CERTIFICATE-----", 0o644, "has one of client.pem", "the other"),
    ],
)
def test_a_file_of_a_host_that_cannot_be_used_is_named(
    empty: Shop,
    servers: dict[str, str],
    tmp_path: Path,
    scheme: str,
    name: str,
    content: str,
    mode: int,
    reason: str,
    remedy: str,
) -> None:
    folder = tmp_path / "127.0.0.1"
    folder.mkdir()
    (folder / name).write_text(content)
    (folder / name).chmod(mode)
    shop = replace(empty, env={**empty.env, "STORE_HOST_FILES": str(tmp_path)})
    url = f"{scheme}://{servers['TLS']}"
    done = shop.run("import", "--from", url, OBJECT)
    error, hint = blamed(done, 27 if scheme == "https" else 60)
    assert reason in error
    assert remedy in hint
    assert "secret" not in done.stderr


@pytest.mark.parametrize("scheme", ["https", "grpcs"])
def test_a_certificate_of_another_host_is_told_from_an_unknown_one(
    empty: Shop, tmp_path: Path, scheme: str
) -> None:
    authority = Authority(tmp_path / "authority")
    folder = tmp_path / "hosts/127.0.0.1"
    folder.mkdir(parents=True)
    shutil.copy(authority.certificate, folder / "ca.pem")
    shop = replace(empty, env={**empty.env, "STORE_HOST_FILES": str(folder.parent)})
    other = "192.0.2.1"
    with contextlib.ExitStack() as stack:
        if scheme == "https":
            context = authority.server_context(host=other)
            url = stack.enter_context(serving(tmp_path / "cache", context)).url
        else:
            pair = authority.issue("server", other)
            files = {"certificate": str(pair), "key": str(pair.with_suffix(".key"))}
            url = stack.enter_context(grpc_gate.running(behind="grpc+unix:/nowhere", **files))
        error, hint = blamed(shop.run("import", "--from", url, OBJECT), 27)
    assert "the certificate is not trusted" in error or "that of another host" in error
    assert "the URL has to name the host as its certificate does" in hint
