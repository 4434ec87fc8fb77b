"""Stores of several users, and a cache: pushed by one, realised by another that cannot build."""

from __future__ import annotations

import http.server
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.cache import zstd
from tests.integration.cache_users import closure, cut_off, own, user
from tests.integration.conftest import Shop


@pytest.fixture(scope="module")
def cache(anne: Shop, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of the folder that it pushes into."""
    url = f"file://{tmp_path_factory.mktemp('cache')}/c"
    anne.path("push", "--to", url, "above", "--with-builds")
    return url


@pytest.fixture
def bert(archive: Path, tmp_path: Path, anne: Shop) -> Shop:
    """A user that trusts anne, and cannot fetch the archive: all sources are cut off."""
    return cut_off(archive, tmp_path / "bert", anne)


def test_a_goals_closure_alone_is_taken_by_an_empty_store(
    anne: Shop, bert: Shop, cache: str
) -> None:
    made = anne.path("realise", "above")
    done = bert.run("realise", "above", "--cache", cache)
    assert (done.returncode, done.stdout.strip()) == (0, made), done.stderr
    assert own(bert) == closure(anne, made)
    assert bert.run("verify", "--contents").returncode == 0
    (told,) = json.loads(bert.path("info", "--json", made))["realisations"]
    assert told["origin"] == "signed"


def test_a_dry_run_says_what_would_come_and_begins_nothing(bert: Shop, cache: str) -> None:
    done = bert.run("realise", "above", "--cache", cache, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert " from caches (" in done.stdout
    assert done.stdout.splitlines()[0].endswith("unpacked), 0 to build")
    assert not bert.root.exists()
    lines = bert.path("realise", "above", "--cache", cache, "--dry-run", "--json").splitlines()
    records = [json.loads(line) for line in lines]
    assert {each["action"] for each in records} == {"pull"}
    assert all(each["download"] > 0 for each in records)


def test_the_variable_and_the_settings_name_caches(anne: Shop, bert: Shop, cache: str) -> None:
    made = anne.path("realise", "base")
    bert.env["STORE_CACHES"] = cache
    assert bert.path("realise", "base") == made
    del bert.env["STORE_CACHES"]
    key = anne.path("key", "show")
    (bert.root / "config.toml").write_text(f'[[cache]]\nurl = "{cache}"\nkeys = ["{key}"]\n')
    assert bert.path("realise", "above") == anne.path("realise", "above")


def test_only_cached_is_an_exit_code_of_its_own(bert: Shop, cache: str, tmp_path: Path) -> None:
    done = bert.run("realise", "item-3", "--cache", cache, "--cache-only")
    assert done.returncode == 28, done.stderr
    assert "no cache has item-3, " in done.stderr  # before the nodes below it
    assert bert.run("realise", "above", "--cache-only").returncode == 2
    assert bert.run("realise", "above", "--cache-only", "--cache", cache).returncode == 0


def test_builds_go_on_above_what_a_cache_has(
    archive: Path, anne: Shop, cache: str, tmp_path: Path
) -> None:
    carl = user(archive, tmp_path / "carl", anne)
    done = carl.run("realise", "item-0", "--cache", cache)
    assert done.returncode == 0, done.stderr
    assert carl.path("realise", "item-0") == anne.path("realise", "item-0")
    assert "1 to build, 0 to fetch" in done.stderr


def test_the_log_of_a_taken_package_is_in_the_caches(
    anne: Shop, bert: Shop, cache: str, tmp_path: Path
) -> None:
    folder = tmp_path / "first"
    shutil.copytree(cache.removeprefix("file://"), folder)
    made = bert.path("realise", "above", "--cache", str(folder))
    log = anne.run("log", "above").stdout
    for text in ("above", made):
        told = bert.run("log", text)
        assert (told.returncode, told.stdout, told.stderr) == (0, log, "")
    shutil.rmtree(folder)
    for text in ("above", made):
        lacking = bert.run("log", text)
        assert (lacking.returncode, lacking.stdout) == (15, ""), lacking.stderr
        assert f"imported from {folder}, signed by anne" in lacking.stderr
        assert "$STORE_CACHES" in lacking.stderr
    bert.env["STORE_CACHES"] = f"http://127.0.0.1:1/x {cache}"
    for text in ("above", made):
        told = bert.run("log", text)
        assert (told.returncode, told.stdout) == (0, log)
        assert told.stderr.count("http://127.0.0.1:1/x") == 1
    bert.env["STORE_CACHES"] = f"file://{tmp_path}/damaged"
    shutil.copytree(cache.removeprefix("file://"), tmp_path / "damaged")
    for file in (tmp_path / "damaged/logs").iterdir():
        file.write_bytes(zstd.compress(b"another log"))
    told = bert.run("log", "above")
    assert (told.returncode, told.stdout) == (15, "")
    assert "it is another log" in told.stderr


def test_without_trust_nothing_but_sources_is_taken(
    archive: Path, cache: str, tmp_path: Path
) -> None:
    eve = user(archive, tmp_path / "eve")
    done = eve.run("realise", "base", "--cache", cache)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("no key is trusted") == 1
    assert "to build" in done.stderr


def test_two_builders_have_to_agree_and_one_that_lies_is_found_out(
    archive: Path, tmp_path: Path
) -> None:
    url = f"file://{tmp_path}/cache"
    first, second = (user(archive, tmp_path / name, dice=True) for name in ("first", "second"))
    first.path("realise", "hello")
    first.path("push", "--to", url, "hello")
    client = user(archive, tmp_path / "client", first, second, dice=True)
    few = client.run("realise", "hello", "--cache", url, "--threshold", "2", "--cache-only")
    assert few.returncode == 28, few.stderr
    assert "signed by fewer keys than have to agree: hello" in few.stderr
    second.path("realise", "hello")
    second.path("push", "--to", url, "hello")
    both = client.run("realise", "hello", "--cache", url, "--threshold", "2", "--cache-only")
    assert both.returncode == 0, both.stderr


def test_of_two_builders_that_disagree_none_is_believed(archive: Path, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/cache"
    builders = [user(archive, tmp_path / name, dice=True) for name in ("first", "second")]
    thrown = {shop.path("realise", "dice") for shop in builders}
    for shop in builders:
        shop.path("push", "--to", url, "dice")
    client = user(archive, tmp_path / "client", *builders, dice=True)
    done = client.run("realise", "dice", "--cache", url)
    assert done.returncode == 0, done.stderr
    assert len({*thrown, done.stdout.strip()}) == 3
    assert done.stderr.count("disputed: dice is ") == 1
    assert "(by first)" in done.stderr
    assert "(by second)" in done.stderr


def test_a_run_that_finds_all_here_loads_nothing_of_caches(bert: Shop, cache: str) -> None:
    bert.path("realise", "base", "--cache", cache)
    bert.env |= {"PYTHONPROFILEIMPORTTIME": "1", "STORE_CACHES": cache}
    done = bert.run("realise", "base")
    assert done.returncode == 0
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {each for each in loaded if each.startswith(("store.cache", "store.signing"))} == set()


def test_a_second_run_asks_no_cache(bert: Shop, cache: str) -> None:
    bert.path("realise", "base", "--cache", cache)
    done = bert.run("realise", "base", "--cache", "http://127.0.0.1:1/x")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that accepts, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/cache"


@pytest.fixture
def forbidding() -> Iterator[str]:
    """A server that answers each question with 403."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(403)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/cache"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("which", ["refusing", "forbidding", "silent"])
def test_a_cache_of_no_use_is_one_warning_and_no_failure(
    archive: Path,
    tmp_path: Path,
    anne: Shop,
    cache: str,
    silent: str,
    forbidding: str,
    which: str,
) -> None:
    url = {"refusing": "http://127.0.0.1:1/x", "forbidding": forbidding, "silent": silent}[which]
    carl = user(archive, tmp_path / "carl", anne)
    done = carl.impatient().run("realise", "above", "--cache", url, "--cache", cache)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == anne.path("realise", "above")
    assert done.stderr.count("asked nothing more in this run") == 1, done.stderr
    assert url.partition("/cache")[0] in done.stderr


def test_taken_objects_are_shown_and_kept_as_others_and_not_attested(
    anne: Shop, bert: Shop, cache: str, tmp_path: Path
) -> None:
    link = str(tmp_path / "kept")
    made = bert.path("realise", "above", "--cache", cache, "--out-link", link)
    assert "signed by anne" in bert.path("show", made)
    assert "signed by anne" in bert.path("info", made)
    assert bert.run("attest", "above").returncode != 0
    statements = tmp_path / "statements.jsonl"
    statements.write_text(anne.path("attest", "above"))
    challenged = bert.run("audit", "challenge", str(statements), "above")
    assert challenged.returncode == 1
    assert challenged.stdout.startswith("unknown     above\n"), challenged.stdout
    assert "it was imported, and not built here" in challenged.stdout
    assert challenged.stderr.endswith("1 unknown\n")
    assert bert.run("gc").returncode == 0
    assert bert.path("realise", "above") == made
    Path(link).unlink()
    assert bert.run("gc").returncode == 0
    assert own(bert) == set()
    assert bert.path("realise", "above", "--cache", cache) == made
