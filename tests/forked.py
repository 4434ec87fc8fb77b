"""The command in a process of its own, without the start of Python and its imports.

``python -m tests.forked`` is a process that has imported the engine, and opened no store. It forks
for each command that it is asked for. The child is the command itself, from its arguments to its
exit status.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import os
import pickle
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple, NoReturn

from store.index import reserve
from tests import impatient, recorder

TOP = Path(__file__).resolve().parents[1]

_LENGTH: Final = struct.Struct("<I")


_OWN: Final = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
"""Variables of Python that change nothing once it has started."""


class Request(NamedTuple):
    """The words after ``store``, the folder to be in, the whole environment, and the bytes that an
    index keeps of the disk."""

    words: Sequence[str | bytes]
    cwd: str
    environment: Mapping[str, str]
    umask: int
    impatient: bool
    reserve: int


def fits(environment: Mapping[str, str]) -> bool:
    """Return whether Python would start in this environment as it did in the tests' own."""
    names = {
        name
        for name in {*environment, *os.environ}
        if name.startswith(("LC_", "LANG", "PYTHON")) and name not in _OWN
    }
    return all(environment.get(name) == os.environ.get(name) for name in names)


def run(
    words: Sequence[str | bytes],
    *,
    cwd: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    errors: str = "strict",
    impatient: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run ``store WORDS`` as :func:`subprocess.run` does, with its output as text."""
    umask = os.umask(0)
    os.umask(umask)
    environment = dict(os.environ if env is None else env)
    folder = str(cwd or os.getcwd())
    request = Request(words, folder, environment, umask, impatient, reserve.MOST)
    with Output(errors) as out, Output(errors) as err, open(os.devnull, "rb") as none:
        files = (none, out.end, err.end)
        code = _begun(os.getpid(), threading.get_ident()).ask(request, files, timeout)
        texts = out.text(), err.text()
    return subprocess.CompletedProcess(["store", *words], code, *texts)


class Output:
    """A pipe that is read to its end. ``end`` is the end to write to."""

    def __init__(self, errors: str) -> None:
        told, tell = os.pipe()
        self.end = open(tell, "wb")  # noqa: SIM115 - closed when all is written
        self._errors = errors
        self._found = b""
        self._reading = threading.Thread(target=self._read, args=(told,), daemon=True)
        self._reading.start()

    def _read(self, told: int) -> None:
        with open(told, "rb") as stream:
            self._found = stream.read()

    def text(self) -> str:
        """Return all that was written, once nobody can write any more."""
        self.end.close()
        self._reading.join()
        text = self._found.decode("utf-8", self._errors)
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *_: object) -> None:
        self.end.close()


class Forking:
    """The connection to the process that forks; it ends with its caller."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forked", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=TOP,
            )
        atexit.register(self.close)

    def close(self) -> None:
        """End it."""
        self._ours.close()
        self._process.terminate()
        self._process.wait()

    def ask(self, request: Request, files: Sequence[IO[bytes]], timeout: float | None) -> int:
        """Have it run; returns its exit status. TimeoutExpired, after which it is killed."""
        data = pickle.dumps(request)
        numbers = [file.fileno() for file in files]
        socket.send_fds(self._ours, [_LENGTH.pack(len(data))], numbers)
        self._ours.sendall(data)
        pid = self._number()
        self._ours.settimeout(timeout)
        try:
            return self._number()
        except TimeoutError:
            os.killpg(pid, 9)
            self._ours.settimeout(None)
            self._number()
            raise subprocess.TimeoutExpired(list(request.words), timeout or 0) from None
        finally:
            self._ours.settimeout(None)

    def _number(self) -> int:
        data = self._ours.recv(_LENGTH.size, socket.MSG_WAITALL)
        if not data:
            raise ChildProcessError("the process that forks has ended")
        found: tuple[int] = struct.unpack("<i", data)
        return found[0]


@functools.cache
def _begun(pid: int, thread: int) -> Forking:
    """Begin one for each process and thread: it does one thing after the other."""
    return Forking()


# -- the process that forks --


_NOT_WARMED: Final = ("child", "builtin_calls", "cyclonedx_form", "spdx_form")
"""Programs, what only a static Python can import, and libraries that few commands use: theirs is a
quarter of the memory that each fork would copy."""


def _warm() -> None:
    """Import the engine."""
    for path in sorted((TOP / "store").rglob("*.py")):
        parts = [part for part in path.relative_to(TOP).with_suffix("").parts if part != "__init__"]
        if parts[-1] not in _NOT_WARMED:
            importlib.import_module(".".join(parts))


def serve(connection: socket.socket) -> None:
    """Fork for each request, one after the other, until the caller ends."""
    _warm()
    recorder.install_if_asked()
    gc.collect()
    gc.freeze()
    while True:
        head, files, *_ = socket.recv_fds(connection, _LENGTH.size, 3)
        if not head:
            return
        (length,) = _LENGTH.unpack(head)
        request = pickle.loads(connection.recv(length, socket.MSG_WAITALL))
        pid = os.fork()
        if pid == 0:
            connection.close()
            _become_command(request, files)
        for each in files:
            os.close(each)
        connection.sendall(struct.pack("<i", pid))
        _, status = os.waitpid(pid, 0)
        connection.sendall(struct.pack("<i", os.waitstatus_to_exitcode(status)))


def _become_command(request: Request, files: Sequence[int]) -> NoReturn:
    """Be the command. For a child."""
    try:
        os.setsid()
        for number, each in enumerate(files):
            os.dup2(each, number)
        os.closerange(3, max(files) + 1)
        os.umask(request.umask)
        os.chdir(request.cwd)
        os.environ.clear()
        os.environ.update(request.environment)
        sys.argv = ["store", *(os.fsdecode(word) for word in request.words)]
        from store.__main__ import run as run_command

        reserve.MOST = request.reserve
        if request.impatient:
            impatient.shorten()
        run_command()
    finally:
        os._exit(70)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection)
