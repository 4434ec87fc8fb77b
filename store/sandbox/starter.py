"""A small process that starts sandboxes for a large one.

Each sandbox's first process is a fork. A fork of a worker copies its page tables, and then every
page that either of the two writes to. That is a third of what a trivial build costs. So a worker
that does build after build has a *starter*: a Python of its own, with the modules of the sandbox
and nothing else, which makes the forks. By ``CLONE_PARENT`` the fork is the worker's child all the
same, to be waited for, killed, and killed with the worker.

Where there is no starter, or it does not answer, sandboxes are started without one.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import pickle
import select
import signal
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from store.sandbox import namespaces
from store.sandbox.preparation import SandboxPlan
from store.system import kernel

PATIENCE: Final = 20.0
"""Seconds that an answer is waited for."""

_ENGINE: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_CODE: Final = (
    "import sys; sys.path += sys.argv[2:]; "
    "from store.sandbox.starter import serve; serve(int(sys.argv[1]))"
)
_CHANNEL: Final = 3  # its descriptor in the starter
_MOST: Final = 16  # descriptors of one request
_SIZE: Final = struct.Struct("=Q")
_ANSWER: Final = struct.Struct("=q")  # a process id; or an error number, negative
_READY: Final = b"!"


class _Request(NamedTuple):
    """One sandbox to be started. Its descriptors are sent beside it: for the report and the
    lifeline, then so many streams and ends of a jobserver, then the named trees of mounts."""

    plan: SandboxPlan
    streams: int
    jobserver: int
    trees: tuple[str, ...]


class Starter:
    """The starter of this process, which is its parent. Used by one thread.

    ``pid`` is its process id.
    """

    def __init__(self) -> None:
        """Start the process; OSError where that cannot be. It is used once it is ready."""
        command = _command()
        self._owner = os.getpid()
        self._ready = False
        ours, theirs = socket.socketpair()
        self._socket: socket.socket | None = ours
        ours.settimeout(PATIENCE)
        actions = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), _CHANNEL)]
        try:
            with theirs:
                self.pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
        except BaseException:
            ours.close()
            raise

    @property
    def ready(self) -> bool:
        """True if it waits for something to start."""
        if self._ready or self._socket is None or not select.select([self._socket], [], [], 0)[0]:
            return self._ready
        with contextlib.suppress(OSError):
            self._ready = self._socket.recv(len(_READY)) == _READY
        if not self._ready:
            self.close()
        return self._ready

    def start(
        self,
        plan: SandboxPlan,
        streams: Sequence[int],
        report: int,
        trees: Mapping[str, int],
        lifeline: int,
    ) -> int | None:
        """Start the first process of a sandbox, as a child of this process; returns its process id.
        None where it has to be started without the starter."""
        # A fork of its owner is not its parent; tracers and terminals are not handed over.
        if plan.tracer or plan.interactive or os.getpid() != self._owner or not self.ready:
            return None
        request = _Request(plan, len(streams), len(plan.jobserver), tuple(trees))
        fds = (report, lifeline, *streams, *plan.jobserver, *trees.values())
        answer = -1
        with contextlib.suppress(OSError, struct.error):
            answer = self._ask(request, fds)
        if answer < 0:
            # A kernel's refusal, too, may be a matter of how the starter was started.
            self.close()
            return None
        return answer

    def _ask(self, request: _Request, descriptors: Sequence[int]) -> int:
        assert self._socket is not None
        data = pickle.dumps(request, pickle.HIGHEST_PROTOCOL)
        socket.send_fds(self._socket, [_SIZE.pack(len(data))], descriptors)
        self._socket.sendall(data)
        answer: int = _ANSWER.unpack(self._socket.recv(_ANSWER.size))[0]
        return answer

    def close(self) -> None:
        """End the process, and wait for that. The sandboxes that it started go on."""
        if self._socket is None:
            return
        self._socket.close()
        self._socket, self._ready = None, False
        if os.getpid() == self._owner:
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)


def _command() -> list[str]:
    if not sys.executable:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), "the program of this Python")
    # Paths have to be read as here, whatever the environment says meanwhile.
    options = ["-S", "-s", "-P", "-E", "-X", f"utf8={sys.flags.utf8_mode}"]
    if sys.dont_write_bytecode:
        options.append("-B")
    if sys.pycache_prefix:
        options += ["-X", f"pycache_prefix={sys.pycache_prefix}"]
    places = [_ENGINE, *filter(os.path.isabs, sys.path)]
    return [sys.executable, *options, "-c", _CODE, str(os.getpid()), *places]


def serve(parent: int) -> None:
    """Live as the starter of the process ``parent``, to its end or that of the channel."""
    kernel.die_with_parent(parent)
    channel = socket.socket(fileno=_CHANNEL)
    channel.set_inheritable(False)
    # The pages of the modules are not to be written to, here or in a fork.
    gc.collect()
    gc.freeze()
    gc.disable()
    channel.sendall(_READY)
    while _serve_one(channel):
        pass


def _serve_one(channel: socket.socket) -> bool:
    """Serve one request; False when there are no more."""
    head, fds, _, _ = socket.recv_fds(channel, _SIZE.size, _MOST, socket.MSG_CMSG_CLOEXEC)
    if len(head) < _SIZE.size:
        return False
    try:
        answer = _started(_received(channel, _SIZE.unpack(head)[0]), fds)
    except OSError as error:
        answer = -(error.errno or errno.EIO)
    finally:
        for fd in fds:
            os.close(fd)
    channel.sendall(_ANSWER.pack(answer))
    return True


def _received(channel: socket.socket, size: int) -> _Request:
    data = bytearray()
    while len(data) < size:
        piece = channel.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    # Written by our own parent, over a socket that nobody else has.
    request: _Request = pickle.loads(data)  # noqa: S301
    return request


def _started(request: _Request, fds: Sequence[int]) -> int:
    """Fork the first process of a sandbox; its process id."""
    report, lifeline, *rest = fds
    streams, rest = rest[: request.streams], rest[request.streams :]
    jobserver, trees = rest[: request.jobserver], rest[request.jobserver :]
    kernel.filter_program(request.plan.filter)
    plan = request.plan.with_jobserver(tuple(jobserver))
    return namespaces.clone_init(
        plan, streams, report, dict(zip(request.trees, trees, strict=True)), lifeline, sibling=True
    )
