"""A laboratory for the sandbox: builders written in Python, run as whoever runs the tests and,
if that is root, once more as an ordinary user.

The one program that is there wherever the tests run is their own interpreter. It is copied, with
its standard library and the shared libraries that it has loaded, into an object that serves as the
builders' root file system.
"""

from __future__ import annotations

import codecs
import concurrent.futures.thread  # noqa: F401 (a child that is another user may not find it)
import ctypes  # noqa: F401 (loads what the builders need, so that it is copied)
import os
import pickle
import shutil
import struct
import sys
import sysconfig
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from store.sandbox import runner
from store.sandbox.request import BuildRequest, BuildResult
from store.system import kernel

T = TypeVar("T")

NOBODY = 65534
INPUT = "0" * 31 + "1-tree"
INPUT_FILE = "0" * 31 + "2-file"
INPUT_LINK = "0" * 31 + "3-link"
OUTPUT = "0" * 31 + "9-out"
ROOTFS = "0" * 31 + "0-python"
UNUSED = "0" * 31 + "8-unused"
PYTHON = os.path.realpath(sys.executable)

PRELUDE = """
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    "The name of the error of a bare system call, or 'ok'."
    args = [ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) for a in args]
    ctypes.set_errno(0)
    failed = libc.syscall(ctypes.c_long(number), *args) == -1
    return errno.errorcode[ctypes.get_errno()] if failed else 'ok'
def attempt(function, *args, **kwargs):
    "The name of the error of a function of Python's, or 'ok'."
    try:
        function(*args, **kwargs)
    except OSError as error:
        return errno.errorcode[error.errno]
    return 'ok'
"""


@dataclass(frozen=True)
class Outcome:
    """A build that ran: its result, what it wrote, and its work directory."""

    result: BuildResult
    log: str
    work: str

    @property
    def lines(self) -> list[str]:
        return self.log.splitlines()


@dataclass
class Lab:
    """A store with one of each kind of object, and a user to build as."""

    base: Path
    uid: int | None
    libraries: str
    count: int = 0

    @property
    def store(self) -> str:
        return str(self.base / "store")

    def request(self, script: str, **changes: Any) -> BuildRequest:
        """A request that runs ``script`` in Python, in a new work directory."""
        self.count += 1
        work = self.base / f"work-{self.count}"
        work.mkdir(mode=0o700)
        if self.uid is not None:
            os.chown(work, self.uid, self.uid)
        fields: dict[str, Any] = {
            "name": "probe",
            "builder": PYTHON,
            "args": ("-I", "-S", "-B", "-c", PRELUDE + textwrap.dedent(script)),
            "env": (("LD_LIBRARY_PATH", self.libraries),),
            "store_dir": self.store,
            "rootfs": ROOTFS,
            "inputs": (INPUT, INPUT_FILE, INPUT_LINK),
            "outputs": (OUTPUT,),
            "work_dir": str(work),
            "log_path": str(work / "log"),
        }
        return BuildRequest(**(fields | changes))

    def run(self, script: str, **changes: Any) -> Outcome:
        """Run ``script`` and keep its results; a check that it ran at all is the caller's."""
        return self.carry_out(self.request(script, **changes))

    def carry_out(self, request: BuildRequest) -> Outcome:
        """Run a request as the laboratory's user."""
        result = self.act(lambda: runner.run(request))
        log = Path(request.log_path).read_text(errors="replace")
        return Outcome(result, log, request.work_dir)

    def told(self, script: str, **changes: Any) -> list[str]:
        """The lines that ``script`` prints; it has to succeed."""
        outcome = self.run(script, **changes)
        assert outcome.result.ok, outcome
        return outcome.lines

    def act(self, action: Callable[[], T]) -> T:
        """Do something as the laboratory's user and hand on its result or exception."""
        return action() if self.uid is None else act_as(self.uid, action)


def become(uid: int) -> None:
    """Turn this process into an ordinary user's, for good."""
    if os.geteuid() != uid:  # only root can be another, and may drop its groups
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # as after a login, which executes a shell


def act_as(uid: int, action: Callable[[], T]) -> T:
    """Call ``action`` in a child process that is an ordinary user."""
    for encoding in ("ascii", "utf-8", "latin-1"):
        codecs.lookup(encoding)  # the child may not be able to read this interpreter's library
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            become(uid)
            message = (True, action())
        except BaseException as error:
            message = (False, error)  # type: ignore[assignment]
        with os.fdopen(writable, "wb") as stream:
            pickle.dump(message, stream)
        os._exit(0)
    os.close(writable)
    with os.fdopen(readable, "rb") as stream:
        worked, value = pickle.load(stream)
    os.waitpid(pid, 0)
    if not worked:
        raise value
    return value  # type: ignore[no-any-return]


def copy_interpreter(target: Path) -> str:
    """Copy the running interpreter below ``target``; the folders of its shared libraries."""
    for top in Path("/").iterdir():
        if top.is_symlink() and top.name.startswith(("bin", "lib", "sbin")):
            (target / top.name).symlink_to(top.readlink())
    put(PYTHON, target)
    put(program_interpreter(PYTHON), target)
    libraries = {
        words[-1]
        for words in map(str.split, Path("/proc/self/maps").read_text().splitlines())
        if ".so" in words[-1] and words[-1].startswith("/") and "-packages" not in words[-1]
    }
    for library in libraries:
        real = os.path.realpath(library)
        for name in os.listdir(os.path.dirname(real)):
            alias = f"{os.path.dirname(real)}/{name}"
            if ".so" in name and os.path.realpath(alias) == real:
                put(alias, target)
    standard = sysconfig.get_path("stdlib")
    shutil.copytree(
        standard,
        f"{target}{os.path.realpath(standard)}",
        ignore=shutil.ignore_patterns(
            "test", "tests", "site-packages", "dist-packages", "idlelib", "tkinter", "lib2to3",
            "ensurepip", "config-*", "turtledemo", "__pycache__",
        ),
        dirs_exist_ok=True,
    )  # fmt: skip
    return ":".join(sorted({os.path.dirname(os.path.realpath(name)) for name in libraries}))


def put(path: str, target: Path) -> None:
    """Copy a file to its own path below ``target``."""
    copy = f"{target}{os.path.realpath(os.path.dirname(path))}/{os.path.basename(path)}"
    os.makedirs(os.path.dirname(copy), exist_ok=True)
    shutil.copy2(path, copy)


def program_interpreter(path: str) -> str:
    """The dynamic loader that an ELF64 program names."""
    image = Path(path).read_bytes()
    (offset,) = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    for position in range(offset, offset + size * count, size):
        kind, _, start, _, _, length = struct.unpack_from("<IIQQQQ", image, position)
        if kind == 3:
            return image[start : start + length].rstrip(b"\0").decode()
    raise AssertionError(f"{path} is static")


def stock(store: Path, rootfs: Path) -> None:
    """Fill a store directory; the root file system's files are shared by hard links."""
    shutil.copytree(rootfs, store / ROOTFS, symlinks=True, copy_function=os.link)
    for name in (INPUT, UNUSED):
        (store / name / "bin").mkdir(parents=True)
        (store / name / "bin" / "tool").write_text("tool\n")
        (store / name / "bin" / "tool").chmod(0o555)
        (store / name / "bin").chmod(0o555)
        (store / name).chmod(0o555)
    (store / INPUT_FILE).write_text("content\n")
    (store / INPUT_FILE).chmod(0o444)
    (store / INPUT_LINK).symlink_to(f"/store/{INPUT}")
