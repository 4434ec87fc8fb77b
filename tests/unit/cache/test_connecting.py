"""The kind of a cache, by its URL or path."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.cache.connecting import check_url, open_place, same_cache
from store.errors import UsageError


@pytest.mark.parametrize(
    ("url", "scheme"),
    [
        ("/srv/cache", "file"),
        ("./cache", "file"),
        ("../cache", "file"),
        (".", "file"),
        ("..", "file"),
        ("file:///srv/cache", "file"),
        ("https://example.org/cache", "https"),
        ("grpc://127.0.0.1:50051/team", "grpc"),
        ("grpc+unix:/run/casd.socket", "grpc+unix"),
        ("FILE:/srv/cache", "file"),
        ("Https://example.org/cache", "https"),
        ("GRPC+Unix:/run/casd.socket", "grpc+unix"),
    ],
)
def test_a_url_or_a_path_has_its_scheme(url: str, scheme: str) -> None:
    assert check_url(url) == scheme


def test_the_hint_says_how_a_folder_here_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        check_url("cache")
    assert "./cache" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "url",
    [
        *("", "ftp://host/x", "file://host/x", "file:", "http://a\nb/"),
        *("file:/%00", "file:///srv/a%00b", "./a\0b"),
    ],
)
def test_a_place_of_another_url_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_place(url)
    assert caught.value.hint


@pytest.mark.parametrize("url", ["file:///srv/cache?x=1", "file:///srv/cache#x", "file:///a?"])
def test_no_part_of_a_folders_url_is_passed_over(url: str) -> None:
    with pytest.raises(UsageError, match="more than a folder") as caught:
        open_place(url)
    assert "%3F" in (caught.value.hint or "")
    assert open_place("file:///srv/a%3Fb%23c").name == open_place("/srv/a?b#c").name == "/srv/a?b#c"


@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("https://Cache.example.ORG/a", "https://cache.example.org:443/a//"),
        ("http://cache.example.org:80", "http://cache.example.org/"),
        ("grpc://HOST:8980", "grpc://host:8980/"),
        ("https://ann@example.org/a", "https://Bert@example.org/a"),
        ("https://ann@Example.org:443/a", "https://example.org/a#b"),
        ("file:///srv/a/../cache", "/srv/cache/"),
        ("FILE:/srv/cache", "/srv/cache"),
        ("HTTP://example.org:80/A", "http://example.org/A"),
        ("Grpc+UNIX:/run/s#A", "grpc+unix:/run/s#A"),
    ],
)
def test_one_cache_in_two_ways_of_writing(url: str, other: str) -> None:
    assert same_cache(url) == same_cache(other)


def test_the_letters_of_a_scheme_make_no_other_place() -> None:
    assert open_place("File:///srv/cache").name == "/srv/cache"
    assert open_place("HTTP://127.0.0.1:1/Cache").name == "http://127.0.0.1:1/Cache"


def test_a_link_to_a_folder_is_the_same_cache(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "cache")
    assert same_cache(f"{tmp_path}/link") == same_cache(f"file://{tmp_path}/cache/")


@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("https://example.org/a", "https://example.org/A"),
        ("https://example.org", "http://example.org:443"),
        ("https://example.org:4430", "https://example.org"),
        ("https://example.org?a", "https://example.org?A"),
        ("grpc+unix:/run/socket#a", "grpc+unix:/run/socket#b"),
        ("https://[::1", "https://[::2"),
    ],
)
def test_two_caches_that_look_alike(url: str, other: str) -> None:
    assert same_cache(url) != same_cache(other)


@pytest.mark.parametrize("url", ["", "cache", "ftp://example.org/", "https:", "http://", "file:"])
def test_anything_else_is_no_cache(url: str) -> None:
    with pytest.raises(UsageError, match="is no URL of a cache"):
        check_url(url)
