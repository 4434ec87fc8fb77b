"""URLs of servers: their meaning, and which are refused without a secret in the message."""

from __future__ import annotations

import pytest

from store.errors import UsageError
from store.reapi.endpoint import Endpoint, parse

GOOD = {
    "grpc://farm.example:8980": Endpoint("farm.example", 8980),
    "grpcs://farm.example:443/main/linux": Endpoint(
        "farm.example", 443, instance="main/linux", secure=True
    ),
    "grpc://[::1]:1": Endpoint("::1", 1),
    "grpc://[fe80::1%eth0]:1": Endpoint("fe80::1%eth0", 1),
    "grpc://192.0.2.1:1": Endpoint("192.0.2.1", 1),
    "grpc://my_farm-1.example.:1": Endpoint("my_farm-1.example.", 1),
    "grpc+unix:/run/casd/socket": Endpoint(socket="/run/casd/socket"),
    "grpc+unix:/run/casd/socket#main": Endpoint(socket="/run/casd/socket", instance="main"),
}


@pytest.mark.parametrize("url", GOOD)
def test_a_url_is_read_and_written(url: str) -> None:
    assert parse(url) == GOOD[url]
    assert GOOD[url].url == url


@pytest.mark.parametrize("url", GOOD)
def test_a_scheme_may_be_in_capitals(url: str) -> None:
    scheme, colon, rest = url.partition(":")
    assert parse(scheme.upper() + colon + rest) == parse(scheme.title() + colon + rest) == GOOD[url]


BAD = [
    *("http://farm.example:1", "grpc://farm.example", "grpc://:1", "grpc://host:0", "grpc://h:x"),
    *("grpc://h:1/a//b", "grpc://h:1/blobs", "grpc://h:1/x?y", "grpc://h:1#x", "grpc://..:1"),
    *("grpc://ho st:1", "grpc://h\n:1", "grpc://h\0:1", "grpc://h%20:1", "grpc://[v1.x]:1"),
    *("grpc://é.example:1", "grpc://*:1", "grpc://h,i:1", f"grpc://{'h' * 254}:1", "grpc://a..b:1"),
    *("grpc+unix:/a\nb", "grpc+unix:/\udcff", "grpc+unix:/a\0b", "grpc://h:1/a\tb", "\udcff"),
    *("grpc+unix:run/socket", f"grpc+unix:/{'x' * 107}", "grpc+unix:/x#uploads", "grpc://[::1:1"),
]


@pytest.mark.parametrize("url", BAD)
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        parse(url)


@pytest.mark.parametrize(
    "url",
    [
        *("grpc://user:hush@farm.example:1", "grpcs://hush@h:x", "x:hush@y"),
        *("grpc://h:1?token=hush", "grpcs://h:1/a?hush", "grpc://h:1#hush", "http://h/?key=hush"),
    ],
)
def test_a_secret_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(url)
    assert "hush" not in caught.value.message


def test_loopback_and_sockets_are_on_this_machine() -> None:
    local = ["grpc://localhost:1", "grpc://127.1.2.3:1", "grpc://[::1]:1", "grpc+unix:/x"]
    assert all(parse(url).local for url in local)
    assert not parse("grpc://farm.example:1").local


def test_addresses_are_those_of_grpc() -> None:
    assert parse("grpc://[::1]:1/x").address == "dns:///[::1]:1"
    assert parse("grpc+unix:/run/x#y").address == "unix:/run/x"
