"""Going where builders are: running a program with the store at ``/store``, or in a kept build."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import termios
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NoReturn

from store.errors import UsageError
from store.sandbox import mounts
from store.sandbox.diagnosis import UNSHARE, diagnose
from store.sandbox.namespaces import ProcessTree
from store.sandbox.preparation import prepare
from store.sandbox.request import BuildRequest, BuildResult
from store.sandbox.runner import read_report
from store.system import kernel
from store.system.chroots import leave_chroot
from store.system.forking import with_one_thread
from store.system.open_files import restore_open_files

STORE: Final = "store"

SHELL: Final = "/bin/sh"
"""It reads programs that are scripts and do not say by what."""

_IGNORED_BY_PYTHON: Final = (signal.SIGPIPE, signal.SIGXFSZ)
"""A program that is executed would go on ignoring these."""


class _Steps:
    """The step under way, for the message if it fails."""

    def __init__(self) -> None:
        self.trying = ""

    def step(self, name: str) -> None:
        """Note that the next step is ``name``."""
        self.trying = name


def enter(store_dir: str, argv: Sequence[str], env: Mapping[str, str], cwd: str) -> NoReturn:
    """Become ``argv``, in a copy of the host's file tree that has ``store_dir`` at ``/store``.

    This process itself is replaced, so terminal, signals, exit status, user id and process id stay
    as they are. ``argv[0]`` is a path, or a name that is looked for on the ``PATH`` of ``env``, as
    the program will see it: where links lead is known only inside. The host's own ``/store``, if it
    has one, is covered; new entries cannot be made directly in ``/``. Only for a process without
    other threads.

    Raises ``SandboxUnavailable``; ``OSError`` if ``cwd`` or the program is not there. By then the
    process has left its old root, so that all that it can do is to report and exit.
    """
    if kernel.threads() > 1:
        raise UsageError("a process with several threads cannot enter the store")
    progress = _Steps()
    try:
        _mount_store(store_dir, progress)
    except OSError as error:
        raise diagnose(progress.trying, error.errno or 0) from error
    os.chdir(cwd)
    for number in _IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    _execute(argv, env)


def _execute(argv: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    """Become the first program of this name that can be executed. Raises OSError: EACCES when
    there are only others, else ENOENT."""
    restore_open_files()
    program = argv[0]
    if "/" in program:
        _become(program, argv[1:], env)
    code = errno.ENOENT
    for folder in env.get("PATH", os.defpath).split(":"):
        path = f"{folder or '.'}/{program}"
        if not os.path.isfile(path):
            continue
        if os.access(path, os.X_OK):
            _become(path, argv[1:], env)
        code = errno.EACCES
    raise OSError(code, "no such program" if code == errno.ENOENT else os.strerror(code), program)


def _become(program: str, words: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    """Execute a program. A text without a first line that names its interpreter is a script of the
    shell's, as execvp(3) and all shells have it; in a program of another machine some bytes are
    zero. Raises OSError."""
    try:
        os.execve(program, (program, *words), dict(env))  # noqa: S606 (the caller's own program)
    except OSError as error:
        if error.errno != errno.ENOEXEC or b"\0" in _beginning(program):
            raise
        os.execve(SHELL, (SHELL, program, *words), dict(env))  # noqa: S606


def _beginning(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 256)
    finally:
        os.close(fd)


def _mount_store(store_dir: str, progress: _Steps) -> None:
    """Make a root of its own for this process: the host's entries, and ``/store``."""
    user, group = os.geteuid(), os.getegid()
    progress.step(UNSHARE)
    if user == 0 and kernel.capabilities() >> kernel.CAP_SYS_ADMIN & 1:
        kernel.unshare(kernel.CLONE_NEWNS)
    else:
        kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS)
        progress.step("mapping the user")
        _stay_oneself(user, group)
    progress.step("making the mounts private")
    _make_private()
    progress.step("taking the host's mounts")
    proc = kernel.open_tree("/proc", recursive=True)
    mounts.start_root(progress.step)
    progress.step("mounting the store directory")
    os.mkdir(STORE)
    kernel.mount(store_dir, STORE, None, kernel.MS_BIND)
    kernel.restrict_mount(STORE, kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV)
    os.mkdir("proc")
    kernel.move_mount(proc, "proc")
    os.close(proc)
    progress.step("mounting the host's entries")
    _mount_host()
    mounts.finish_root(progress.step)


def _make_private() -> None:
    try:
        kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    except OSError as error:
        # In a chroot nothing is mounted at the root directory.
        if error.errno != errno.EINVAL or not leave_chroot():
            raise


def _stay_oneself(user: int, group: int) -> None:
    # Had the process changed its user id, the files below /proc/self would not be its own.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "wb", buffering=0) as stream:
            stream.write(text.encode())


def _mount_host() -> None:
    with os.scandir("/") as scan:
        entries = [entry for entry in scan if entry.name not in (STORE, "proc")]
    for entry in entries:
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), entry.name)
            continue
        if entry.is_dir(follow_symlinks=False):
            os.mkdir(entry.name)
        else:
            os.close(os.open(entry.name, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        # An entry that this user may not reach (someone's FUSE mount) stays empty.
        with contextlib.suppress(OSError):
            kernel.mount(entry.path, entry.name, None, kernel.MS_BIND | kernel.MS_REC)


def enter_build(request: BuildRequest) -> BuildResult:
    """Run the request's builder, such as a shell, in its sandbox and on our terminal.

    For the kept work directory of a failed build: the request is that build's, with another
    builder, arguments and environment. All of the contract holds, but for the standard streams,
    which are ours; limits of time and disk are not watched.
    """
    return with_one_thread(lambda: _enter_build(request))


def _enter_build(request: BuildRequest) -> BuildResult:
    plan = prepare(request, interactive=True)
    tree = ProcessTree(plan, (0, 1, 2))
    with _terminal_kept():
        try:
            tree.start()
            select.select([tree.pidfd], [], [])
            told = tree.finish()
        finally:
            tree.close()
    return read_report(told, None, 0.0)


@contextlib.contextmanager
def _terminal_kept() -> Iterator[None]:
    """Leave Ctrl-C to the program inside, and take the terminal back from it at the end, as it was:
    a hostile tree may leave it without echo, or our streams without blocking."""
    ours = os.getpgrp()
    modes = None
    with contextlib.suppress(termios.error):  # there may be no terminal
        modes = termios.tcgetattr(0)
    blocking = [os.get_blocking(fd) for fd in range(3)]
    kept = {
        number: signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTTOU)
    }
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # there may be no terminal
            os.tcsetpgrp(0, ours)
        with contextlib.suppress(termios.error):
            if modes is not None:
                termios.tcsetattr(0, termios.TCSANOW, modes)
        for fd, waits in enumerate(blocking):
            os.set_blocking(fd, waits)
        for number, handler in kept.items():
            signal.signal(number, handler)
