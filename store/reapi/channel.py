"""One connection by gRPC: calls with a bound on silence, tried again where that is right.

Only for the process that is there for it: gRPC starts threads.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any, Final, NoReturn, TypeVar

from store.display import printable, quoted
from store.errors import ServerUnusable, StoreError
from store.model.locators import without
from store.reapi.blob import Message
from store.reapi.call_watch import CallWatch
from store.reapi.deferred_modules import deferred_modules
from store.reapi.endpoint import Endpoint
from store.reapi.messages import method, missing_extra
from store.system import host_files
from store.system.host_files import HostFiles
from store.system.patience import SLOW_ANSWER, Patience

T = TypeVar("T")

CONNECT: Final = 5.0
"""Seconds until there is a connection."""

SILENT: Final = 15.0
"""Seconds without an answer, or the next part of one."""

ALIVE: Final = 330.0
"""Seconds without data after which the other end has to show that it is there: an action is waited
for without a bound. Usual servers end a connection that asks more often than every 5 minutes."""

ALIVE_ANSWER: Final = 20.0
"""Seconds that it has for the answer, until the connection is lost."""

PAUSES: Final = (0.2, 1.0)
"""Seconds before each further try of a call that failed for now."""

LARGEST_MESSAGE: Final = 16 << 20
"""Bytes of a message that is taken from a server."""

TOO_SLOW: Final = "DEADLINE_EXCEEDED"
"""The code of a call that was silent, or too slow: another try would take as long."""

ASKED: Final = "Capabilities.GetCapabilities"
"""A method that any server answers."""

_LONGEST_DETAIL: Final = 300
_AGAIN: Final = ("UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED")
_FORBIDDEN: Final = ("UNAUTHENTICATED", "PERMISSION_DENIED")
_HINTS: Final = {
    "UNIMPLEMENTED": "the server does not offer this part of the Remote Execution API",
}
_RUNNING: Final = "see whether the server runs, and whether host and port are the right ones"
_WAY: Final = "see whether this machine has a network, and whether the host is the right one"
_OTHER: Final = "its certificate is that of another host"
_NAMED: Final = "the URL has to name the host as its certificate does"
_QUIET: Final = "it is silent"
_REFUSALS: Final = (
    ("refused", "it refuses connections", _RUNNING),
    ("no such file", "there is no such socket", _RUNNING),
    ("resolving", "no address of its host is known", "look at the host's name, or the resolver"),
    ("resolution", "no address of its host is known", "look at the host's name, or the resolver"),
    ("peer name", _OTHER, _NAMED),
    ("hostname verification", _OTHER, _NAMED),
    ("wrong_version_number", "it does not speak TLS", "use a grpc: URL for this server"),
    ("keepalive", _QUIET, _RUNNING),
    ("ping timeout", _QUIET, _RUNNING),
    ("http1", "it does not speak gRPC", "a web server's URL begins with http: or https:"),
    ("http/2", "it does not speak gRPC", "a web server's URL begins with http: or https:"),
    ("settings frame", _QUIET, _RUNNING),
    ("unreachable", "there is no way to its network", _WAY),
    ("no route to host", "there is no way to its host", _WAY),
    ("permission denied", "this user may not open its socket", "run this as a user who may"),
)
"""Words of gRPC's about a connection, the reason, and a hint."""

_CONNECTING: Final = ("failed to connect", "keepalive", "ping timeout")
"""Words in the error of a call whose connection was lost and could not be made again."""

_ENDED: Final = ("socket closed", "connection reset")
"""Words about a server that ends a connection at once, as one with TLS does."""


class CallFailed(StoreError):
    """A call that the server refused, or that had no answer. ``code`` is gRPC's word for it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{detail} ({code})")
        self.code = code


def refusal(detail: str, host: str, *, secure: bool) -> tuple[str, str]:
    """Return the reason that there is no connection to a host, from gRPC's words, and a hint."""
    words = detail.lower()
    for part, why, hint in _REFUSALS:
        if part in words:
            return why, hint
    if "certificate_verify_failed" in words:
        return "its certificate is not trusted", host_files.authority_hint(host)
    if secure:
        return "the connection with TLS ended early", host_files.hint(host)
    if any(part in words for part in _ENDED):
        return "it does not speak gRPC", "with TLS, its URL begins with grpcs:"
    own = detail.rpartition("last error: ")[2]
    return (printable(own[:200]) if own else "no reason is known"), _RUNNING


def _too_slow() -> CallFailed:
    return CallFailed(TOO_SLOW, "its answers take too long")


def _load_grpc() -> Any:
    """Return gRPC without its half for asyncio, which nobody here uses: to load that, and asyncio
    itself, takes more than half of the time."""
    try:
        with deferred_modules("grpc.aio", "asyncio"):
            import grpc
    except ImportError as error:
        raise missing_extra(error.name) from error
    return grpc


class Channel:
    """A connection to a server; made anew by gRPC itself when it is lost. A call fails when it is
    slow, and slow ones took more time in all than ``patience`` has."""

    def __init__(self, endpoint: Endpoint, files: HostFiles, patience: Patience) -> None:
        self._grpc = _load_grpc()
        self.name = endpoint.url
        self.instance = endpoint.instance
        self._secrets = {files.token} if files.token else set()
        self._host = endpoint.host or "localhost"
        self._secure = endpoint.secure
        self._metadata = [("authorization", f"Bearer {files.token}")] if files.token else []
        self._patience = patience
        self._watch = CallWatch()
        self._methods: dict[tuple[str, bool], Any] = {}
        self._channel = self._connected(endpoint, files)

    def _connected(self, endpoint: Endpoint, files: HostFiles) -> Any:
        grpc = self._grpc
        options = [
            ("grpc.max_receive_message_length", LARGEST_MESSAGE),
            ("grpc.enable_http_proxy", 0 if endpoint.local else 1),
            ("grpc.min_reconnect_backoff_ms", int(CONNECT * 1000)),  # for one try to connect
            ("grpc.max_reconnect_backoff_ms", 5000),
            ("grpc.keepalive_time_ms", int(ALIVE * 1000)),
            ("grpc.keepalive_timeout_ms", int(ALIVE_ANSWER * 1000)),
            # Newer versions of gRPC wait for a minute, whatever the line above says.
            ("grpc.http2.ping_timeout_ms", int(ALIVE_ANSWER * 1000)),
            ("grpc.http2.max_pings_without_data", 0),  # no bound: it may take hours
            ("SingleThreadedUnaryStream", 1),  # else gRPC has a thread for each stream
        ]
        if endpoint.secure:
            credentials = grpc.ssl_channel_credentials(
                files.authorities, files.key, files.certificate
            )
            channel = grpc.secure_channel(endpoint.address, credentials, options)
        else:
            channel = grpc.insecure_channel(endpoint.address, options)
        try:
            with self._counted(time.monotonic()):
                self._await(channel)
        except CallFailed as error:
            raise self.unusable(error) from None
        return channel

    def _await(self, channel: Any) -> None:
        """Wait until there is a connection, or it is refused."""
        states = self._grpc.ChannelConnectivity
        settled = threading.Event()
        seen: list[Any] = []

        def note(state: Any) -> None:
            seen.append(state)
            if state in (states.READY, states.TRANSIENT_FAILURE, states.SHUTDOWN):
                settled.set()

        channel.subscribe(note, try_to_connect=True)
        found = settled.wait(CONNECT)
        channel.unsubscribe(note)
        if states.READY not in seen:
            why, hint = f"no connection within {CONNECT:g} s", _RUNNING
            if found:
                why, hint = refusal(self._detail(channel), self._host, secure=self._secure)
            channel.close()
            raise ServerUnusable(f"{quoted(self.name)} cannot be reached: {why}", hint=hint)

    def _detail(self, channel: Any) -> str:
        """Return gRPC's words for the end of a connection: only a call has them."""
        found = method(ASKED)
        call = channel.unary_unary(found.path, found.request.SerializeToString)
        try:
            call(found.request(), timeout=1.0)
        except self._grpc.RpcError as error:
            return str(error.details())
        return ""

    # -- calls --

    def unary(self, name: str, request: Message, *, timeout: float = SILENT) -> Message:
        """Call a method with one request and one answer; CallFailed."""
        return self.retried(lambda: self._answered(name, request, timeout))

    def _answered(self, name: str, request: Message, timeout: float) -> Message:
        """Call a method, and wait here: a future would need a thread, and twice the processor
        time."""
        ask = self._method(name)
        began = time.monotonic()
        with self._counted(began):
            answer: Message = ask(request, timeout=timeout, metadata=self._metadata)
        return answer

    def unaries(
        self, name: str, requests: Iterable[Message], *, most: int = 16
    ) -> Iterator[Message | CallFailed]:
        """Yield the answer of each request, in order; ``most`` of them are under way at once."""
        waiting: list[tuple[Message, Any, float]] = []
        rest = iter(requests)
        first = list(islice(rest, 2))
        if len(first) == 1:
            yield self._finished(name, first[0])
            return
        for request in chain(first, rest):
            begun = time.monotonic()
            waiting.append((request, self.future(name, request, SILENT), begun))
            if len(waiting) >= most:
                yield self._finished(name, *waiting.pop(0))
        for each in waiting:
            yield self._finished(name, *each)

    def _finished(
        self, name: str, request: Message, future: Any | None = None, begun: float = 0.0
    ) -> Message | CallFailed:
        futures = [] if future is None else [future]

        def call() -> Message:
            if not futures:
                return self._answered(name, request, SILENT)
            with self._counted(begun):
                answer: Message = futures.pop().result()
            return answer

        try:
            return self.retried(call)
        except CallFailed as error:
            return error

    def future(self, name: str, request: Message, timeout: float) -> Any:
        """Begin a call with one request and one answer; returns gRPC's future of it."""
        return self._method(name).future(request, timeout=timeout, metadata=self._metadata)

    def begin(self, name: str, request: Message, timeout: float) -> Any:
        """Begin a call with one request and one answer, which another thread may ``cancel()``;
        :meth:`answer` waits for it."""
        # As a stream of one answer, which is the same to the server. A future would have a thread
        # made for each call, and half as much processor time again.
        ask = self._method(name, streamed=True)
        return ask(request, timeout=timeout, metadata=self._metadata)

    def _method(self, name: str, *, streamed: bool = False) -> Any:
        """Return gRPC's object for a method, which takes as long to make as a third of a call; with
        ``streamed``, for one whose answer is to come as a stream."""
        made = self._methods.get((name, streamed))
        if made is None:
            found = method(name)
            kinds = {
                (False, False): self._channel.unary_unary,
                (False, True): self._channel.unary_stream,
                (True, False): self._channel.stream_unary,
            }
            make = kinds[found.streams_requests, found.streams_responses or streamed]
            made = make(found.path, found.request.SerializeToString, found.response.FromString)
            self._methods[name, streamed] = made
        return made

    def stream(
        self, name: str, request: Message, *, silent: float | None = SILENT
    ) -> Iterator[Message]:
        """Yield the answers to one request; CallFailed. With ``silent`` None, the next one may take
        any time. Closing the iterator ends the call."""
        call = self._method(name)(request, metadata=self._metadata)
        if silent is not None:
            self._watch.begin(call, silent)
        try:
            with contextlib.nullcontext() if silent is None else self._counted(time.monotonic()):
                first = next(call, None)
            for answer in chain([] if first is None else [first], call):
                self._watch.moved(call)
                yield answer
        except self._grpc.RpcError as error:
            self._fail(error, stalled=self._watch.stalled(call))
        finally:
            self._watch.end(call)
            call.cancel()

    def send(self, name: str, requests: Iterable[Message]) -> Message:
        """Call a method with a stream of requests and one answer; CallFailed."""
        started: list[Any] = []

        def noted() -> Iterator[Message]:
            for request in requests:
                if started:
                    self._watch.moved(started[0])
                yield request

        call = self._method(name).future(noted(), metadata=self._metadata)
        started.append(call)
        self._watch.begin(call, SILENT)
        try:
            return call.result()
        except (self._grpc.RpcError, self._grpc.FutureCancelledError) as error:
            self._fail(error, stalled=self._watch.stalled(call))
        finally:
            self._watch.end(call)

    @contextlib.contextmanager
    def _counted(self, begun: float) -> Iterator[None]:
        """Count the wait for the answer of a call that began at ``begun``, if the call is slow.
        Raises CallFailed in the place of any answer when that was too much."""
        # Answers that came while nobody waited for them held nothing up.
        waited = time.monotonic()
        try:
            yield
        finally:
            now = time.monotonic()
            if now - begun >= SLOW_ANSWER and not self._patience.spend(waited, now):
                raise _too_slow() from None

    # -- failures --

    def answer(self, call: Any) -> Message:
        """Wait for the answer of a call that was begun, once; CallFailed, also when it was
        cancelled."""
        try:
            answers: list[Message] = list(call)
        except self._grpc.RpcError as error:
            self._fail(error)
        if len(answers) != 1:
            raise CallFailed("INTERNAL", f"{len(answers)} answers to one request")
        return answers[0]

    def retried(self, work: Callable[[], T]) -> T:
        """Return what ``work`` does; it is tried again where the server may do better soon."""
        for pause in (*PAUSES, None):
            try:
                return work()
            except self._grpc.RpcError as error:
                code = error.code().name
                if pause is None or code not in _AGAIN:
                    self._fail(error)
            except CallFailed as error:
                if pause is None or error.code not in _AGAIN:
                    raise
            if not self._patience.pause(pause):
                raise _too_slow()
        raise AssertionError("the last try returns or raises")

    def _fail(self, error: Any, *, stalled: bool = False) -> NoReturn:
        if stalled or not hasattr(error, "code"):
            raise CallFailed(TOO_SLOW, f"silent for {SILENT:g} s") from None
        said = without(str(error.details() or "no reason was given"), self._secrets)
        detail = printable(said)[:_LONGEST_DETAIL]
        raise CallFailed(error.code().name, detail) from None

    def unusable(self, error: CallFailed) -> ServerUnusable:
        """Return the error for a server that fails in this way."""
        hint, why = _HINTS.get(error.code), error.message
        if error.code in _FORBIDDEN:
            hint = host_files.hint(self._host)
        elif error.code == "UNAVAILABLE" and any(part in why.lower() for part in _CONNECTING):
            why, hint = refusal(why, self._host, secure=self._secure)
        return ServerUnusable(f"{quoted(self.name)} cannot be used: {why}", hint=hint)

    def close(self) -> None:
        """End the connection."""
        self._channel.close()
