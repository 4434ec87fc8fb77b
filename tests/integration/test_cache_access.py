"""Caches that let in whom they know: certificates, client keys and tokens, by https and grpcs."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from store.local.store import Store
from tests import casd
from tests.certificates import Authority
from tests.integration import grpc_gate
from tests.integration.cache_users import cut_off
from tests.integration.conftest import Shop
from tests.integration.transports import is_sound
from tests.unit.cache.web import Handler, serving

TOKEN = "geheim-t0k3n"


@contextlib.contextmanager
def by_https(place: Path, authority: Authority, *, clients: bool, token: bool) -> Iterator[str]:
    """A web server with TLS, that may want a client's certificate or a token."""

    def instead(handler: Handler) -> bool:
        sent = handler.headers.get("Authorization")
        if token and sent != f"Bearer {TOKEN}":
            if handler.command == "PUT":
                handler.close_connection = True
            return handler.answer(401, f"not with {sent}".encode())
        return False

    with serving(place, authority.server_context(clients=clients)) as web:
        web.instead = instead
        yield web.url


@contextlib.contextmanager
def by_grpcs(place: Path, authority: Authority, *, clients: bool, token: bool) -> Iterator[str]:
    """A server of the Remote Execution API with the same wishes."""
    certificate = authority.issue("server")
    wishes = {"token": TOKEN} if token else {}
    if clients:
        wishes["clients"] = str(authority.certificate)
    pair = {"certificate": str(certificate), "key": str(certificate.with_suffix(".key"))}
    with casd.running(place) as behind, grpc_gate.running(behind=behind, **pair, **wishes) as url:
        yield url


Serve = Callable[..., AbstractContextManager[str]]
SERVERS = {"https": by_https, "grpcs": by_grpcs}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def given(shop: Shop, place: Path, authority: Authority | None, *more: str) -> Shop:
    """The user with files for the host: the authority, and a client's certificate or a token."""
    folder = place / "hosts" / "127.0.0.1"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if authority is not None:
        shutil.copy(authority.certificate, folder / "ca.pem")
    if "client" in more:
        assert authority is not None
        certificate = authority.issue("client")
        shutil.copy(certificate, folder / "client.pem")
        shutil.copy(certificate.with_suffix(".key"), folder / "client.key")
    if "token" in more:
        (folder / "token").touch(0o600)
        (folder / "token").write_text(f"{TOKEN}\n")
    return replace(shop, env={**shop.env, "STORE_HOST_FILES": str(place / "hosts")})


def has_secret(folder: Path, secret: str) -> list[Path]:
    """Files below a folder that hold a secret."""
    files = [each for each in folder.rglob("*") if each.is_file() and not each.is_symlink()]
    return [each for each in files if secret.encode() in each.read_bytes()]


@pytest.mark.parametrize("scheme", SERVERS)
def test_files_of_a_host_let_a_client_in(
    anne: Shop, archive: Path, authority: Authority, tmp_path: Path, scheme: str
) -> None:
    everything = ("client", "token")
    with SERVERS[scheme](tmp_path / "cache", authority, clients=True, token=True) as url:
        pushing = given(anne, tmp_path / "anne", authority, *everything)
        done = pushing.run("--debug", "push", "--to", url, "above", "--with-builds")
        assert done.returncode == 0, done.stderr
        bert = cut_off(archive, tmp_path / "bert", anne)
        bert = given(bert, tmp_path / "bert", authority, *everything)
        made = anne.path("realise", "above")
        got = bert.run("--debug", "realise", "above", "--cache", url, "--cache-only")
        assert (got.returncode, got.stdout.strip()) == (0, made), got.stderr
        assert is_sound(bert)
        told = bert.path("info", "--json", made)
        assert json.loads(told)["realisations"][0]["origin"] == "signed"
        statements = pushing.path("attest", "above")
    key = (tmp_path / "anne/hosts/127.0.0.1/client.key").read_text().split("\n")[1]
    for secret in (TOKEN, key):
        for text in (done.stderr, got.stderr, told, statements):
            assert secret not in text
        for folder in (tmp_path / "cache", bert.root, anne.root):
            assert has_secret(folder, secret) == []


@pytest.mark.parametrize("scheme", SERVERS)
@pytest.mark.parametrize("without", ["authority", "client", "token", "right token", "right client"])
def test_without_one_of_them_there_is_one_clear_error(
    anne: Shop, authority: Authority, tmp_path: Path, scheme: str, without: str
) -> None:
    wishes = {"clients": "client" in without, "token": "token" in without}
    known: Authority | None = authority if without != "authority" else None
    more = {"right token": ("token",)}.get(without, ())
    with SERVERS[scheme](tmp_path / "cache", authority, **wishes) as url:
        shop = given(anne, tmp_path / "anne", known, *more)
        folder = tmp_path / "anne/hosts/127.0.0.1"
        if without == "right token":
            (folder / "token").touch(0o600)
            (folder / "token").write_text("another-secret\n")
        if without == "right client":
            stranger = Authority(tmp_path / "stranger").issue("client")
            shutil.copy(stranger, folder / "client.pem")
            shutil.copy(stranger.with_suffix(".key"), folder / "client.key")
        done = shop.run("--debug", "push", "--to", url, "above")
        assert done.returncode == 27, done.stderr
        (said,) = [line for line in done.stderr.splitlines() if line.startswith("store: ")]
        assert url in said
        print(scheme, without, done.stderr[done.stderr.rindex("\nstore: ") :])
        assert "another-secret" not in done.stderr
        assert ("ca.pem" if without == "authority" else "client.key, token") in done.stderr


@pytest.mark.parametrize("scheme", ["http", "https", "grpc", "grpcs"])
def test_a_password_in_a_url_is_refused_and_nowhere_shown(
    anne: Shop, tmp_path: Path, scheme: str
) -> None:
    url = f"{scheme}://me:{TOKEN}@127.0.0.1:1/cache"
    bert = Shop(tmp_path / "root", anne.recipes, {"XDG_CONFIG_HOME": str(tmp_path / "config")})
    bert.path("key", "new", "bert")
    by_variable = replace(bert, env={**bert.env, "STORE_CACHES": url})
    by_settings = replace(bert, root=tmp_path / "other")
    Store.open(str(by_settings.root)).close()
    (by_settings.root / "config.toml").write_text(f'[[cache]]\nurl = "{url}"\n')
    tries = [
        (anne, ("push", "above", "--to", url)),
        (anne, ("cache", "info", url)),
        (bert, ("realise", "above", "--cache", url)),
        (bert, ("import", "--from", url, f"/store/{'0' * 32}-x")),
        (by_variable, ("realise", "above")),
        (by_settings, ("realise", "above")),
    ]
    for shop, words in tries:
        done = shop.run("--debug", *words)
        assert done.returncode == 2, done.stderr
        assert TOKEN not in done.stdout + done.stderr, words
    assert "docs/cache.md" in done.stderr
    assert has_secret(bert.root, TOKEN) == []
