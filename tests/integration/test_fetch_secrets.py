"""A password or token in a locator is in no output, and in no file that others may read."""

from __future__ import annotations

import base64
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.integration.conftest import TOYS, Shop
from tests.recipes.copies import copy_recipes

SECRETS = ("hunter2hunter2", "t0ken/of+mine")
NOTE = (TOYS / "note.txt").read_bytes()


class _Handler(BaseHTTPRequestHandler):
    """Gives the note, or something else, to one user; tells everybody else their own secret."""

    def do_GET(self) -> None:
        wanted = "Basic " + base64.b64encode(f"me:{SECRETS[0]}".encode()).decode()
        if self.headers.get("Authorization") != wanted:
            self.send_response(403, f"not for {SECRETS[0]} {self.path}")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(NOTE if self.path.startswith("/note") else b"something else")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    return Shop(tmp_path / "root", env={**dict.fromkeys(names, ""), "NETRC": "/nonexistent"})


def placed(shop: Shop, folder: Path, url: str) -> Shop:
    """The shop with its note at another place."""
    return replace(shop, recipes=copy_recipes("toys", folder, note_place=url))


def texts(shop: Shop) -> Iterator[tuple[Path, bytes]]:
    """Return all that others may read of a store, but for folders that they may not enter."""
    for folder, names, files in os.walk(shop.root):
        names[:] = [name for name in names if os.stat(f"{folder}/{name}").st_mode & stat.S_IXOTH]
        for path in (Path(folder, name) for name in files):
            if not path.is_symlink() and path.stat().st_mode & stat.S_IROTH:
                yield path, path.read_bytes()


def check_nothing_tells(shop: Shop, *outputs: str) -> None:
    for secret in SECRETS:
        for text in outputs:
            assert secret not in text
        for path, data in texts(shop):
            assert secret.encode() not in data, path


def test_secrets_stay_between_the_recipe_and_the_server(
    shop: Shop, port: int, tmp_path: Path
) -> None:
    query = f"token={SECRETS[1]}"
    url = f"http://me:{SECRETS[0]}@127.0.0.1:{port}/note?{query}"
    good = placed(shop, tmp_path / "good", url)
    outputs = []
    for words in (
        ("realise", "--offline", "note"),
        ("realise", "--dry-run", "note"),
        ("realise", "note"),
        ("show", "note"),
        ("show", "--json", "note"),
        ("info", "note"),
        ("stats", "--json"),
        ("verify",),
    ):
        done = good.run(*words)
        outputs += [done.stdout, done.stderr]
    assert good.run("realise", "note").returncode == 0
    # What it yielded is known by, without what is secret: it is not fetched again.
    assert good.run("realise", "--dry-run", "note").stdout.strip() == "nothing to do"
    check_nothing_tells(good, *outputs)


@pytest.mark.parametrize("path", ["other", "note"])
def test_secrets_are_in_no_error(shop: Shop, port: int, tmp_path: Path, path: str) -> None:
    user = f"me:{SECRETS[0]}" if path == "other" else f"them:{SECRETS[0]}"
    url = f"http://{user}@127.0.0.1:{port}/{path}?sig={SECRETS[1]}"
    done = placed(shop, tmp_path / "wrong", url).run("realise", "note")
    assert done.returncode == (21 if path == "other" else 22), done.stderr
    assert f"http://127.0.0.1:{port}/{path}?sig=***" in done.stderr
    check_nothing_tells(shop, done.stdout, done.stderr)
    if path == "other":
        [kept] = re.findall(r"kept at (\S+)", done.stderr)
        assert os.stat(kept).st_mode & 0o777 == 0o600
