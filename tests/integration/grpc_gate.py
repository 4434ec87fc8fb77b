"""A gate with TLS before a server that has none: ``python -m tests.integration.grpc_gate CONFIG``.

It runs in a process of its own, as gRPC has threads. CONFIG is JSON: ``behind`` (the server's URL),
``certificate``, ``key``, and optional ``clients`` (the authority of clients) and ``token``.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[2]


class Gate:
    """Passes each call on, as bytes, if its token is the right one."""

    def __init__(self, channel: Any, token: str | None) -> None:
        self._channel = channel
        self._token = token

    def service(self, details: Any) -> Any:
        """Return the handler of a call."""
        import grpc

        name = details.method

        def passed(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
            sent = dict(context.invocation_metadata()).get("authorization")
            if self._token is not None and sent != f"Bearer {self._token}":
                context.abort(grpc.StatusCode.UNAUTHENTICATED, f"not with {sent}")
            try:
                yield from self._channel.stream_stream(name)(requests)
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())

        return grpc.stream_stream_rpc_method_handler(passed)


def main(config: dict[str, Any]) -> None:
    """Serve until the end of standard input."""
    import grpc

    channel = grpc.insecure_channel("unix:" + config["behind"].partition(":")[2])
    server = grpc.server(ThreadPoolExecutor(32))
    gate = Gate(channel, config.get("token"))
    server.add_generic_rpc_handlers((gate,))
    pair = tuple(Path(config[each]).read_bytes() for each in ("key", "certificate"))
    clients = config.get("clients")
    credentials = grpc.ssl_server_credentials(
        [pair],
        root_certificates=Path(clients).read_bytes() if clients else None,
        require_client_auth=bool(clients),
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None)


@contextlib.contextmanager
def running(**config: str) -> Iterator[str]:
    """Have a gate; gives its URL."""
    with begun(**config) as (_, url):
        yield url


@contextlib.contextmanager
def begun(**config: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Have a gate; gives its process and its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.grpc_gate", json.dumps(config)],
        cwd=TOP,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, f"grpcs://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        process.communicate()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
