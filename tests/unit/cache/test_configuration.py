"""The caches of a run: of its options, the environment or the settings, with the keys of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.cache.cache_options import USUAL, CacheOptions
from store.cache.configuration import CacheSetting, chosen, load, parse
from store.errors import StorageError, UsageError
from store.layout.paths import Layout
from store.signing.keyring import Keyring
from store.signing.keys import PrivateKey

ANNE, BERT = (PrivateKey(bytes([n]) * 32, name).public for n, name in ((1, "anne"), (2, "bert")))
FORGE = "https://forge.example.org/cache"
TEXT = f"""
[[cache]]
url = "{FORGE}"
keys = ["{ANNE}", "{BERT}"]
threshold = 2

[[cache]]
url = "file:///srv/cache"
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(str(tmp_path))


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    keyring = Keyring(str(tmp_path / "config"))
    keyring.trust([BERT])
    return keyring


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORE_CACHES", raising=False)


def test_without_settings_there_is_no_cache(layout: Layout, keyring: Keyring) -> None:
    assert chosen(layout, USUAL, keyring) == []


def test_a_cache_has_its_own_keys_or_those_of_the_user(layout: Layout, keyring: Keyring) -> None:
    Path(layout.config).write_text(TEXT)
    assert chosen(layout, USUAL, keyring) == [
        CacheSetting(FORGE, (ANNE, BERT), 2),
        CacheSetting("file:///srv/cache", (BERT,)),
    ]


def test_the_variable_comes_before_the_file_and_options_before_both(
    layout: Layout, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(layout.config).write_text(TEXT)
    monkeypatch.setenv("STORE_CACHES", f"  file:///tmp/a\n{FORGE} file:///tmp/a ")
    assert chosen(layout, USUAL, keyring) == [
        CacheSetting("file:///tmp/a", (BERT,)),
        CacheSetting(FORGE, (ANNE, BERT), 2),  # it is the one of the settings
    ]
    named = CacheOptions(urls=("grpc://localhost:1",))
    assert [each.url for each in chosen(layout, named, keyring)] == ["grpc://localhost:1"]
    assert chosen(layout, CacheOptions(off=True), keyring) == []


@pytest.mark.parametrize(
    "url",
    [
        *(f"{FORGE}/", f"{FORGE}//", FORGE.replace("//", "//ann@")),
        *("/srv/cache", "file:///srv/../srv/cache/", FORGE.replace("https", "HTTPS")),
    ],
)
def test_another_way_of_writing_a_cache_keeps_its_keys_and_threshold(
    layout: Layout, keyring: Keyring, url: str
) -> None:
    Path(layout.config).write_text(TEXT)
    (found,) = chosen(layout, CacheOptions(urls=(url, url.rstrip("/"))), keyring)
    usual = chosen(layout, USUAL, keyring)["srv" in url]
    assert (found.url, found.keys, found.threshold) == (url, usual.keys, usual.threshold)
    with pytest.raises(ValueError, match="stands there twice"):
        parse(f'[[cache]]\nurl = "{url}"\n{TEXT}'.encode())


def test_without_any_cache_no_key_is_looked_for(layout: Layout) -> None:
    assert chosen(layout, USUAL, Keyring("/nowhere")) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[cache]\nurl = 'file:///a'", "written as [[cache]]"),
        ("cache = [1]", "written as [[cache]]"),
        ("[[cache]]\nkeys = []", "a cache without cache.url"),
        ("[[cache]]\nurl = 7", "cache.url is no URL in quotes: 7"),
        ("[[cache]]\nurl = ['file:///a']", "cache.url is no URL in quotes: an array"),
        ("[[cache]]\nurl = 'ftp://a/b'", "cache.url: 'ftp://a/b' is no URL of a cache"),
        (
            "[[cache]]\nurl = 'https://u:secret@a/b?token=secret x'\nkey = 1",
            "called cache.key; there are keys, th",
        ),
        ("[[cache]]\nurl = 'file:///a'\nkeys = ['x']", "cache.keys: a key is one line"),
        ("[[cache]]\nurl = 'file:///a'\nkeys = [7]", "keys in quotes: 7"),
        ("[[cache]]\nurl = 'file:///a'\nkeys = {a = 'x'}", "keys in quotes: a table"),
        ("[[cache]]\nurl = 'file:///a'\nkeys = ['private a:secret']", "a private key"),
        ("[[cache]]\nurl = 'file:///a'\nthreshold = '2'", "no number of keys: '2'"),
        (f"[[cache]]\nurl = 'file:///a'\nkeys = ['{ANNE}', '{ANNE}']", "a key twice"),
        ("[[cache]]\nurl = 'file:///a'\nthreshold = 0", "cache.threshold is no number"),
        ("[[cache]]\nurl = 'file:///a'\nthreshold = true", "cache.threshold is no number"),
        (f"[[cache]]\nurl = 'file:///a'\nkeys = '{ANNE}'\nthreshold = 2", "is 2, of 1 keys"),
        ("[[cache]]\nurl = 'file:///a'\n" * 2, "stands there twice"),
        ("[caches]", "no setting is called caches"),
    ],
)
def test_each_fault_of_the_file_is_one_clear_error(layout: Layout, text: str, said: str) -> None:
    Path(layout.config).write_text(text)
    with pytest.raises(UsageError) as caught:
        load(layout)
    assert said in caught.value.message
    assert "secret" not in caught.value.message
    assert "docs/cache.md" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n# caches\n[[cache]]\nurl = 7\n", 4),
        ("[[cache]]\nurl = '/a'\nkeys = [\n  'x',\n]\nthreshold = 1\n", 3),
        ("[[cache]]\nurl = '/a'\n\n[[cache]]\nkeys = []\n", 4),
        ("[[cache]]\nurl = '/a'\n[[cache]]\nthreshold = 0\nurl = '/b'", 4),
        ("[[cache]]\nurl = '/a'\n[[cache]]\nurl = '/a/'\n", 4),
        ("[[cache]]\r\nurl = '/a'\r\nkey = 1\r\n", 3),
        ("[collect]\nmin-free = '1G'\n[cache]\nurl = '/a'", 3),
        ("cache = [\n {url = '/a'},\n {url = 7},\n]\n", 1),
        ("[caches]\n", 1),
    ],
)
def test_a_fault_is_named_with_its_line(layout: Layout, text: str, line: int) -> None:
    Path(layout.config).write_bytes(text.encode())
    with pytest.raises(UsageError) as caught:
        load(layout)
    assert caught.value.message.startswith(f"{layout.config}:{line}: ")


def test_settings_that_others_can_write_are_not_used(layout: Layout, keyring: Keyring) -> None:
    Path(layout.config).write_text(TEXT)
    Path(layout.config).chmod(0o666)
    with pytest.raises(StorageError, match="other users can write"):
        chosen(layout, USUAL, keyring)


@pytest.mark.parametrize("url", ["", "x", "srv/cache", "file:", "http://", "HTTP://", "ftp://a/b"])
def test_another_url_is_refused(layout: Layout, keyring: Keyring, url: str) -> None:
    with pytest.raises(UsageError, match="is no URL of a cache"):
        chosen(layout, CacheOptions(urls=(url,)), keyring)


def test_the_collectors_settings_stand_beside(layout: Layout) -> None:
    assert parse(b'[collect]\nmin-free = "1G"\n') == []


@pytest.mark.parametrize(
    "url",
    [
        "https://me:geheim@h.example/c",
        "https://h.example/c?token=geheim",
        "grpc://h:1/c?token=geheim",
    ],
)
def test_a_secret_in_a_url_is_refused_with_its_line(
    layout: Layout, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    Path(layout.config).write_text(f'{TEXT}\n[[cache]]\nurl = "{url}"\n')
    with pytest.raises(UsageError, match=r"config\.toml:11: cache\.url: ") as caught:
        chosen(layout, USUAL, keyring)
    assert "geheim" not in f"{caught.value} {caught.value.hint}"
    Path(layout.config).unlink()
    monkeypatch.setenv("STORE_CACHES", f"file:///srv/cache {url}")
    with pytest.raises(UsageError, match=r"\$STORE_CACHES: ") as caught:
        chosen(layout, USUAL, keyring)
    assert "geheim" not in f"{caught.value} {caught.value.hint}"
