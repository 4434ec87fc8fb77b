"""Options and settings of caches: those that make no sense are one clear error, or do no harm."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.faults.subjects import pack_rootfs
from tests.integration.cache_users import user
from tests.integration.conftest import Shop
from tests.unit.cache.web import refusing

SECRET = "geheim"


@pytest.fixture(scope="module")
def anne(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A builder that has pushed into the folder ``cache`` beside its root."""
    place = tmp_path_factory.mktemp("builder")
    pack_rootfs(place / "small-rootfs.tar")
    shop = user(place / "small-rootfs.tar", place / "anne")
    shop.path("realise", "base")
    shop.path("push", "--to", cache_of(shop), "base", "--with-builds")
    return shop


def cache_of(shop: Shop) -> str:
    """The path of the cache."""
    return str(shop.root.parent / "cache")


@pytest.fixture
def bert(anne: Shop, tmp_path: Path) -> Shop:
    """An empty store that trusts anne."""
    return user(anne.root.parent.parent / "small-rootfs.tar", tmp_path / "bert", anne)


def test_more_keys_than_are_known_cannot_agree_and_it_is_built(anne: Shop, bert: Shop) -> None:
    words = ("realise", "base", "--cache", cache_of(anne), "--threshold", "5")
    done = bert.run(*words, "--cache-only")
    assert done.returncode == 28, done.stderr
    assert done.stderr.count("5 keys have to agree, of 1") == 1
    done = bert.run(*words)
    assert (done.returncode, done.stdout.strip()) == (0, anne.path("realise", "base"))


def test_a_cache_that_is_named_twice_is_one(anne: Shop, bert: Shop) -> None:
    url = refusing()
    done = bert.run("realise", "base", *("--cache", url, "--cache", f"{url}/", "--cache", url))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("asked nothing more in this run") == 1, done.stderr
    done = bert.run("realise", "item-0", "--cache", cache_of(anne), "--cache", cache_of(anne))
    assert done.returncode == 0, done.stderr


def test_without_the_network_caches_in_folders_are_asked(anne: Shop, bert: Shop) -> None:
    web = "http://127.0.0.1:1/x"
    done = bert.run("realise", "base", "--offline", "--cache-only", "--cache", web)
    assert done.returncode == 2
    assert "with --offline, only caches in folders are asked" in done.stderr
    words = ("realise", "base", "--offline", "--cache", web, "--cache", cache_of(anne))
    done = bert.run(*words)
    assert (done.returncode, done.stdout.strip()) == (0, anne.path("realise", "base")), done.stderr
    assert "127.0.0.1" not in done.stderr


def test_a_dry_run_that_may_not_work_fails_as_the_run_would(anne: Shop, bert: Shop) -> None:
    away = ("realise", "base", "--offline", "--no-cache")
    planned, done = bert.run(*away, "--dry-run"), bert.run(*away)
    assert (planned.returncode, planned.stdout) == (23, ""), planned.stderr
    assert planned.stderr.strip() == failure(done)
    only = ("realise", "base", "item-0", "--cache-only", "--cache", cache_of(anne))
    planned, done = bert.run(*only, "--dry-run"), bert.run(*only)
    assert (planned.returncode, planned.stdout) == (28, ""), planned.stderr
    assert planned.stderr.strip() == failure(done)
    assert "no cache has item-0\n" in planned.stderr
    assert bert.path("realise", "base", *only[3:], "--dry-run") == "nothing to do"


def failure(done: subprocess.CompletedProcess[str]) -> str:
    """The error at the end of a command."""
    assert done.returncode != 0
    return done.stderr[done.stderr.index("store: ") :].strip()


def test_without_caches_the_variable_is_not_looked_at(bert: Shop) -> None:
    bert.env["STORE_CACHES"] = "http://127.0.0.1:1/x no-url-at-all"
    done = bert.run("realise", "base", "--no-cache")
    assert done.returncode == 0, done.stderr
    assert "127.0.0.1" not in done.stderr
    for more in (["--cache", "/x"], ["--cache-only"], ["--threshold", "1"]):
        done = bert.run("realise", "base", "--no-cache", *more)
        assert done.returncode == 2
        assert "--no-cache goes with no other option" in done.stderr


@pytest.mark.parametrize(
    "url",
    [
        f"https://me:{SECRET}@127.0.0.1:1/cache",
        f"http://127.0.0.1:1/cache?token={SECRET}",
        f"grpc://me:{SECRET}@127.0.0.1:1",
        f"file://me:{SECRET}@host/cache",
        f"ftp://me:{SECRET}@127.0.0.1/cache",
    ],
)
def test_a_secret_in_a_url_is_refused_and_not_shown(anne: Shop, bert: Shop, url: str) -> None:
    named = ("realise", "base", "--cache", url)
    made = anne.path("realise", "base")
    for shop, words in (
        (bert, named),
        (bert, (*named, "--dry-run")),
        (bert, ("import", "--from", url, made)),
        (anne, ("push", "--to", url, "base")),
        (bert, ("cache", "info", url)),
    ):
        done = shop.run(*words)
        assert done.returncode not in (0, 1), (words, done.stderr)
        assert SECRET not in done.stdout + done.stderr, words
        assert done.stderr.count("store: ") == 1, done.stderr
    bert.env["STORE_CACHES"] = url
    done = bert.run("realise", "base")
    assert (done.returncode, SECRET in done.stderr) == (2, False), done.stderr


@pytest.mark.parametrize("kind", ["folder", "binary", "wrong", "link"])
def test_settings_that_cannot_be_read_are_one_error(bert: Shop, kind: str) -> None:
    bert.path("realise", "base")
    config = bert.root / "config.toml"
    if kind == "folder":
        config.mkdir()
    elif kind == "binary":
        config.write_bytes(b"\xff\xfe\0")
    elif kind == "link":
        config.symlink_to("nowhere")
    else:
        config.write_text("[[cache]]\nurl = 3\n")
    for words in (["realise", "item-0"], ["realise", "item-0", "--dry-run"]):
        done = bert.run(*words)
        assert done.returncode == 2, done.stderr
        assert "config.toml" in done.stderr
        assert done.stderr.count("store: ") == 1
    assert bert.run("list").returncode == 0


def test_commands_that_need_no_cache_ask_none(bert: Shop) -> None:
    made = bert.path("realise", "base")
    bert.env["STORE_CACHES"] = "http://127.0.0.1:1/x"
    for words in (
        *(["list"], ["info", made], ["show", "base"], ["closure", made], ["du"], ["stats"]),
        *(["verify"], ["log", "base"], ["tree", "base"], ["root", "list"]),
        *(["audit", "rebuild", "base"], ["attest", "base", "--new-key", "k"], ["gc", "--dry-run"]),
        *(["realise", "base"], ["realise", "base", "--dry-run"], ["delete", made]),
    ):
        done = bert.run(*words)
        assert done.returncode in (0, 1), (words, done.stderr)
        assert "127.0.0.1" not in done.stderr, words
        assert "Traceback" not in done.stderr


def test_settings_count_before_there_is_a_store(archive: Path, tmp_path: Path) -> None:
    new = user(archive, tmp_path / "new")
    new.root.mkdir()
    (new.root / "config.toml").write_text('[[cache]]\nurl = "gopher://x"\n')
    done = new.run("realise", "base", "--dry-run")
    assert done.returncode != 0
    assert "is no URL of a cache" in done.stderr
    (new.root / "config.toml").write_text(f'[[cache]]\nurl = "{tmp_path}/none"\n')
    done = new.run("realise", "base", "--dry-run")
    assert (done.returncode, os.listdir(new.root)) == (0, ["config.toml"])
    assert f"{tmp_path}/none" in done.stderr
    assert new.run("realise", "base", "--cache-only").returncode == 28
