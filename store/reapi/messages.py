"""The messages and methods of the API, of one descriptor set, in a pool of their own.

There are no generated modules; so others' definitions of the same names can be in this process.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

from store.errors import FormatError, MissingExtra
from store.reapi.deferred_modules import deferred_modules

REAPI: Final = "build.bazel.remote.execution.v2"
DEFINITIONS: Final = "definitions.binpb"

_LOOKING: Final = threading.RLock()
"""Two threads at once would make a pool each, and a message of one fits into none of the other."""


class ApiMethod(NamedTuple):
    """A method of a service: its path in a request, the classes of its messages, and which of them
    come in a stream."""

    path: str
    request: Any
    response: Any
    streams_requests: bool
    streams_responses: bool


def missing_extra(module: str | None) -> MissingExtra:
    """Return the error for a module that is not installed."""
    return MissingExtra(
        "a server of the Remote Execution API needs Python's packages grpcio and protobuf, and "
        f"{module or 'one of their modules'} is missing",
        hint="install the extra `reapi` of fixpoint-store; docs/farm.md says how",
    )


def check_extra() -> None:
    """Raise MissingExtra for a package that is not installed, without loading any."""
    for module in ("grpc", "google.protobuf"):
        found = None
        with contextlib.suppress(ImportError, ValueError):  # no parent; a module of no file
            found = find_spec(module)
        if found is None:
            raise missing_extra(module)


@cache
def _pool() -> Any:
    pools, _ = _protobuf()
    with open(f"{os.path.dirname(__file__)}/{DEFINITIONS}", "rb") as file:
        data = file.read()
    pool = pools.DescriptorPool()
    for part in files_of(data):
        pool.AddSerializedFile(part)
    return pool


@cache
def _protobuf() -> tuple[Any, Any]:
    """Return protobuf's modules of pools and of messages. Its messages in Python, which take most
    of the time to load, are left out where it has others."""
    try:
        from google.protobuf.internal import api_implementation

        ours = api_implementation.Type() == "python"
        with deferred_modules(*(() if ours else ("google.protobuf.internal.python_message",))):
            from google.protobuf import descriptor_pool, message_factory
    except ImportError as error:
        raise missing_extra(error.name) from error
    return descriptor_pool, message_factory


def files_of(definitions: bytes) -> Iterator[bytes]:
    """Yield the files of an encoded FileDescriptorSet, which has no other field. protobuf's own
    reader of it takes as long to load as the messages of all files."""
    at = 0
    while at < len(definitions):
        size = shift = 0
        at += 1  # the field's number and type
        while True:
            byte = definitions[at]
            size |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                break
        yield definitions[at : at + size]
        at += size


@cache
def message(name: str) -> Any:
    """Return the class of a message; a name without a dot is one of the API itself."""
    whole = name if "." in name else f"{REAPI}.{name}"
    with _LOOKING:
        found = _pool().FindMessageTypeByName(whole)
        _, factory = _protobuf()
        return factory.GetMessageClass(found)


def parse(name: str, data: bytes) -> Any:
    """Return the message of this class that the bytes are; FormatError."""
    try:
        return message(name).FromString(data)
    except Exception as error:  # DecodeError, and others of protobuf without its C part
        raise FormatError(f"it is no {name} message") from error


@cache
def method(name: str) -> ApiMethod:
    """Return a method: ``Service.Method``; a service without a package is one of the API itself."""
    service, _, short = name.rpartition(".")
    service = service if "." in service else f"{REAPI}.{service}"
    with _LOOKING:
        found = _pool().FindServiceByName(service).methods_by_name[short]
        return ApiMethod(
            f"/{service}/{short}",
            message(found.input_type.full_name),
            message(found.output_type.full_name),
            found.client_streaming,
            found.server_streaming,
        )
