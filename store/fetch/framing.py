"""Where the body of an answer ends: after a length, after its last chunk, or with the connection.

The standard library's reader would take a chunk of -1 bytes for everything that comes. It also
reads chunk extensions and trailers for as long as there are any.
"""

from __future__ import annotations

import email.message
import http.client
import re
from typing import IO, Protocol

from store.display import quoted
from store.fetch.bounds import OVERHEAD, Transient

_LINE = 4096  # bytes of a chunk's head, or of one trailer
_CHUNK_HEAD = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?\r?\n", re.DOTALL)
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


class Readable(Protocol):
    """A stream of bytes: ``read`` gives up to so many, none at the end."""

    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


def number(text: str | None) -> int | None:
    """Return a size in a header; None for anything that is no plain number below 10**18."""
    return int(text) if text is not None and _NUMBER.fullmatch(text.strip()) else None


def length(headers: email.message.Message) -> int | None:
    """Return the length of the body as its head gives it, None without one; Transient when it gives
    several, or one that no file has."""
    fields = ",".join(headers.get_all("Content-Length", [])).split(",")
    found = {value.strip() for value in fields}
    if len(found) > 1:
        raise Transient("sent several lengths for one file")
    [text] = found
    size = number(text)
    if text and size is None:
        raise Transient(f"sent a length that is none: {quoted(text[:40])}")
    return size


def body(answer: http.client.HTTPResponse) -> Readable:
    """Return the bytes of an answer's body. Raises Transient when reading, as the answer's stream
    does."""
    if answer.headers.get("Transfer-Encoding", "").strip().lower() == "chunked":
        return _Chunked(answer)
    return _Plain(answer, length(answer.headers))


class _Plain:
    """A body of ``size`` bytes, or until the connection ends. More is not looked at."""

    def __init__(self, answer: http.client.HTTPResponse, size: int | None) -> None:
        self._answer = answer
        self._stream: IO[bytes] = _stream(answer)
        self._left = size

    def read(self, size: int, /) -> bytes:
        if self._left is not None:
            size = min(size, self._left)
        data = self._stream.read1(size) if size else b""  # type: ignore[attr-defined]
        if self._left is not None:
            self._left -= len(data)
        return bytes(data)

    def close(self) -> None:
        self._answer.close()


class _Chunked:
    """A body in chunks. Its framing may be no longer than itself, but for OVERHEAD."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self._answer = answer
        self._stream: IO[bytes] = _stream(answer)
        self._left = 0  # bytes of the present chunk
        self._spare = OVERHEAD
        self._started = self._ended = False

    def read(self, size: int, /) -> bytes:
        if not self._left and not self._ended:
            self._next_chunk()
        if self._ended:
            return b""
        data = bytes(self._stream.read1(min(size, self._left)))  # type: ignore[attr-defined]
        if not data:
            raise Transient("the connection ended within a chunk")
        self._left -= len(data)
        self._spare += len(data)
        return data

    def close(self) -> None:
        self._answer.close()

    def _next_chunk(self) -> None:
        if self._started and self._line().strip(b"\r\n"):
            raise Transient("sent a chunk of another length than it said")
        self._started = True
        head = _CHUNK_HEAD.fullmatch(self._line())
        if head is None:
            raise Transient("sent a chunk without a length")
        self._left = int(head[1], 16)
        if self._left == 0:
            while self._line().strip(b"\r\n"):
                pass  # a trailer
            self._ended = True

    def _line(self) -> bytes:
        line = self._stream.readline(_LINE + 1)
        self._spare -= len(line)
        if not line.endswith(b"\n"):
            raise Transient(
                "sent a line without an end" if len(line) > _LINE else "the connection ended early"
            )
        if self._spare < 0:
            raise Transient("sent more about its chunks than in them")
        return line


def _stream(answer: http.client.HTTPResponse) -> IO[bytes]:
    stream = answer.fp
    if stream is None:  # an answer without a body was closed with its head
        raise Transient("sent no content")
    return stream
