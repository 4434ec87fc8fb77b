"""The connection to a server for builds, begun while a command has other work to do; and the work
that is done in its process."""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from store.reapi.endpoint import parse
from store.reapi.server import Server

if TYPE_CHECKING:
    from store.farm.farm_objects import FarmBuilt
    from store.jobs.job import Job
    from store.layout.paths import Layout
    from store.reapi.server_calls import ServerCalls
    from store.signing.keys import PublicKey


def begun_server(url: str, sandbox: str) -> Server:
    """Return a server for builds in that ``sandbox``. Its process connects, and loads modules of
    builds, beside the work of this one. UsageError."""
    return Server(parse(url), prepare=_preload if sandbox == "worker" else _nothing)


def served_build(
    keys: Sequence[PublicKey],
    layout: Layout,
    job: Job,
    server: ServerCalls,
    connection: Connection[Any, Any],
) -> FarmBuilt:
    """Act as :func:`~store.farm.farm_build.farm_build`. Both processes have this module, and the
    other one has loaded that function: none of them waits for what only the other needs."""
    from store.farm.farm_build import farm_build

    return farm_build(keys, layout, job, server, connection.send)


def _preload() -> None:
    from store.farm.farm_build import preload

    preload()


def _nothing() -> None:
    """Do nothing: a job in the sandbox of the server is a process of its own."""
