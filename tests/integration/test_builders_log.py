"""A builder may change the pipe that is its log, and that of its tokens: it does nothing to us."""

from __future__ import annotations

import array
import fcntl
import os
import stat
import termios
import textwrap
import time
from pathlib import Path

import pytest

from store import digest
from store.errors import StorageError
from tests.integration.conftest import MakeDisk
from tests.integration.laboratory import Lab

pytest_plugins = ["tests.integration.bench"]

HOSTILE = {
    "truncate": "os.ftruncate(1, 10**12)",
    "allocate": "os.posix_fallocate(1, 0, 10**12)",
    "seek": "os.lseek(1, 10**12, 0); os.write(1, b'x')",
    "open to all": "os.fchmod(1, 0o666)",
    "closed to all": "os.fchmod(1, 0)",
    "owned by another": "os.fchown(1, 0, 0)",
    "a page small": "import fcntl; fcntl.fcntl(1, 1031, 4096)",
    "a mebibyte large": "import fcntl; fcntl.fcntl(1, 1031, 1 << 20); os.write(1, b'x' * 999999)",
    "not blocking": "os.set_blocking(1, False); [os.write(1, b'y' * 9) for _ in range(10**5)]",
    "packets": """
        import fcntl
        fcntl.fcntl(1, fcntl.F_SETFL, os.O_DIRECT | os.O_WRONLY)
        for _ in range(2000): os.write(1, b'p')
        """,
    "closed": "os.close(1); os.close(2)",
    "closed and opened again": """
        fd = os.open('/proc/self/fd/1', os.O_RDONLY | os.O_NONBLOCK); os.close(1); os.close(2)
        os.open(f'/proc/self/fd/{fd}', os.O_WRONLY); os.write(1, b'again')
        """,
    "stolen": """
        fd = os.open('/proc/self/fd/1', os.O_RDONLY | os.O_NONBLOCK)
        for _ in range(100):
            os.write(1, b'mine' * 99)
            with contextlib.suppress(BlockingIOError): os.read(fd, 8)
        """,
    "fed back": """
        fd = os.open('/proc/self/fd/1', os.O_RDWR | os.O_NONBLOCK)
        for _ in range(100):
            os.write(1, b'more' * 99)
            with contextlib.suppress(BlockingIOError): os.write(1, os.read(fd, 400))
        """,
    "locked": "import fcntl; fcntl.flock(1, 2); fcntl.lockf(1, 2)",
    "signals asked for": """
        import fcntl, signal
        fcntl.fcntl(1, fcntl.F_SETOWN, os.getpid()); fcntl.fcntl(1, 10, signal.SIGURG)
        fcntl.fcntl(1, fcntl.F_SETFL, os.O_ASYNC | os.O_WRONLY); os.write(1, b'x')
        """,
    "spliced from a socket": """
        import socket
        ours, theirs = socket.socketpair(); os.splice(ours.fileno(), 1, 65536)
        """,
    "sent from a socket": """
        import socket
        ours, theirs = socket.socketpair(); os.sendfile(1, ours.fileno(), None, 65536)
        """,
    "spliced into a full socket": """
        import socket
        ours, theirs = socket.socketpair(); ours.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True: ours.send(b'x' * 4096)
        ours.setblocking(True)
        fd = os.open('/proc/self/fd/1', os.O_RDONLY); os.write(1, b'x' * 4000)
        os.splice(fd, ours.fileno(), 4000)
        """,
    "sent from a terminal": "os.sendfile(1, os.openpty()[1], None, 65536)",
    "tokens spliced": """
        import socket
        ours, theirs = socket.socketpair(); os.splice(ours.fileno(), 4, 65536)
        """,
    "tokens flooded": "os.set_blocking(4, False); [os.write(4, b'+' * 999) for _ in range(999)]",
    "tokens drained": "os.set_blocking(3, False); os.read(3, 99999)",
    "tokens in a large pipe": "import fcntl; fcntl.fcntl(4, 1031, 1 << 20); os.write(4, b'+' * 99)",
    "a process left with it": """
        if not os.fork():
            os.setsid()
            while True: os.write(1, b'z' * 99)
        """,
}
"""Each does its worst and goes on, whatever the kernel answers."""


@pytest.mark.parametrize("worst", HOSTILE)
def test_what_a_builder_does_to_its_pipes_ends_with_it(lab: Lab, worst: str) -> None:
    pipe = os.pipe()
    os.write(pipe[1], b"+++")
    began = time.monotonic()
    try:
        outcome = lab.run(
            f"import contextlib\ntry:\n{_indented(HOSTILE[worst])}\nexcept OSError: pass",
            jobserver=pipe,
            timeout=20,
        )
        os.set_blocking(pipe[0], False)
        count = array.array("i", [0])
        fcntl.ioctl(pipe[0], termios.FIONREAD, count)
    finally:
        for fd in pipe:
            os.close(fd)
    assert outcome.result.ok, outcome
    assert time.monotonic() - began < 10
    log = Path(outcome.work, "log")
    assert stat.S_IMODE(log.stat().st_mode) & ~0o644 == 0
    assert outcome.result.log == digest.file_digest(log.read_bytes())


def test_a_log_ends_at_its_bound_and_the_build_with_it(lab: Lab) -> None:
    outcome = lab.run("while True: os.write(1, b'x' * 999)", max_log=1_000_000, timeout=60)
    assert outcome.result.stopped == "log"
    assert outcome.log == "x" * 1_000_000


@pytest.mark.parametrize(("written", "stopped"), [(5000, None), (5001, "log")])
def test_a_log_of_just_the_bound_is_whole(lab: Lab, written: int, stopped: str | None) -> None:
    outcome = lab.run(f"os.write(1, b'x' * {written})", max_log=5000)
    assert (outcome.result.stopped, outcome.log) == (stopped, "x" * 5000)


def test_a_full_disk_below_the_log_is_told(lab: Lab, small_disk: MakeDisk) -> None:
    if lab.uid is not None:
        pytest.skip("the disk is below a closed folder")
    disk = small_disk(1)
    with pytest.raises(StorageError, match="cannot write a build's log") as raised:
        lab.run("while True: os.write(1, b'x' * 999)", log_path=f"{disk}/log", timeout=20)
    assert raised.value.exit_code == 51


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_a_log_is_a_file_or_no_build_begins(lab: Lab, tmp_path: Path, kind: str) -> None:
    tmp_path.chmod(0o777)
    place = tmp_path / "log"
    if kind == "link":
        place.symlink_to("/etc/passwd")
    elif kind == "fifo":
        os.mkfifo(place, 0o666)
    else:
        place.mkdir()
    with pytest.raises(StorageError):
        lab.run("pass", log_path=str(place))


def test_standard_error_can_be_opened_by_name(lab: Lab) -> None:
    assert lab.told("with open('/dev/stderr', 'w') as stream: stream.write('named')") == ["named"]


def _indented(script: str) -> str:
    return textwrap.indent(textwrap.dedent(script).strip(), "    ")
