"""The connection to a server for builds, begun while a command has other work to do."""

from __future__ import annotations

from store.reapi.endpoint import parse
from store.reapi.server import Server


def begun_server(url: str, sandbox: str) -> Server:
    """Return a server for builds in that ``sandbox``. Its process connects, and loads modules of
    builds, beside the work of this one. UsageError."""
    return Server(parse(url), prepare=_preload if sandbox == "worker" else _nothing)


def _preload() -> None:
    from store.farm.farm_build import preload

    preload()


def _nothing() -> None:
    """Do nothing: a job in the sandbox of the server is a process of its own."""
