"""Reasons that there is no connection to a server."""

from __future__ import annotations

import subprocess
import sys

import pytest

from store.reapi.channel import refusal

LAST = "failed to connect to all addresses; last error: "


@pytest.mark.parametrize(
    ("detail", "reason", "remedy"),
    [
        (
            "FAILED_PRECONDITION: ipv4:255.255.255.255:5: connect failed: error: Network is"
            " unreachable",
            "there is no way to its network",
            "has a network",
        ),
        (
            "UNKNOWN: ipv6:%5B2001:db8::1%5D:50: Failed to connect to remote host: "
            "getsockopt(SO_ERROR): No route to host",
            "there is no way to its host",
            "has a network",
        ),
        (
            "FAILED_PRECONDITION: unix:/s: connect failed: addr: unix:/s error: Permission denied",
            "this user may not open its socket",
            "as a user who may",
        ),
        ("UNAVAILABLE: ipv4:127.0.0.1:1: Socket closed", "it does not speak gRPC", "grpcs:"),
        (
            "UNAVAILABLE: ipv4:127.0.0.1:1: recvmsg:Connection reset by peer (104)",
            "it does not speak gRPC",
            "grpcs:",
        ),
        ("UNKNOWN: words of tomorrow", "UNKNOWN: words of tomorrow", "whether the server runs"),
    ],
)
def test_words_of_grpc_have_a_reason_and_a_remedy(detail: str, reason: str, remedy: str) -> None:
    why, hint = refusal(LAST + detail, "host", secure=False)
    assert why == reason
    assert remedy in hint


def test_without_any_words_none_are_made_up() -> None:
    assert refusal("", "host", secure=False)[0] == "no reason is known"


LOADING = """
import sys
from store.reapi.channel import _load_grpc
grpc = _load_grpc()
assert grpc.insecure_channel and not {"grpc.aio", "asyncio"} & {*sys.modules}
import grpc.aio
assert grpc.aio.insecure_channel
import asyncio


async def call():
    async with grpc.aio.insecure_channel("unix:/nowhere") as channel:
        await channel.unary_unary("/none")(b"", timeout=0.2)


try:
    asyncio.run(call())
except grpc.aio.AioRpcError:
    pass
assert _load_grpc() is grpc and sys.modules["grpc.aio"].insecure_channel
"""


def test_the_half_of_grpc_for_asyncio_is_not_loaded_and_can_be_loaded_later() -> None:
    subprocess.run([sys.executable, "-c", LOADING], check=True)
