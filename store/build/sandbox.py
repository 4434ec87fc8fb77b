"""The process tree of a build: three processes from the caller's to the builder's.

::

    caller ── outer ── init ── builder ── ...
              |        `- first of the pid namespace: mounts, gives up every right, reaps
              `- becomes the build user, makes the namespaces, outlives init

When init ends the kernel kills everything in its pid namespace, and only then does the outer
process see it gone; so the end of the outer process is the end of the whole tree. The caller stops
a build by closing the control pipe. If the caller dies, the kernel kills the outer process, and
with it init, and with it the rest.

The children tell the caller what happened in lines of tab-separated words through the report pipe:
``failed STEP ERRNO``, ``unexecuted TEXT``, ``exited WAIT-STATUS KILOBYTES`` (of the builder),
``gone WAIT-STATUS USER SYSTEM`` (of init).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import select
import signal
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from store import kernel
from store.build import mounts
from store.build.diagnosis import UNSHARE
from store.build.limits import set_limits
from store.build.preparation import Plan

NAMESPACES: Final = (
    kernel.CLONE_NEWUSER
    | kernel.CLONE_NEWNS
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWCGROUP
)
ALL_SIGNALS: Final = tuple(signal.valid_signals())
HIGH: Final = 64  # descriptors are moved up here, out of the way of those a builder gets
LAST: Final = 1 << 20  # above any descriptor: the kernel's default bound
UNEXECUTED: Final = 127


class Report:
    """The children's end of the report pipe, and what is being tried at the moment."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.trying = ""

    def step(self, name: str) -> None:
        """The next thing will be ``name``."""
        self.trying = name

    def tell(self, *words: object) -> None:
        """One line. Short enough to be written whole."""
        os.write(self.fd, "\t".join(map(str, words)).encode() + b"\n")

    def fail(self, error: BaseException) -> None:
        """What is being tried did not work."""
        with contextlib.suppress(OSError):
            if isinstance(error, OSError) and error.errno:
                self.tell("failed", self.trying, error.errno)
            else:
                text = repr(error).replace("\t", " ").replace("\n", " ")
                self.tell("failed", f"{self.trying}: {text[:500]}", 0)


class Tree:
    """A sandboxed process tree: started once, stopped at any time, waited for at the end."""

    def __init__(self, plan: Plan, streams: Sequence[int]) -> None:
        """``streams`` become the builder's descriptors 1 and 2; all of 0 to 2 if interactive."""
        self._plan = plan
        self._streams = streams
        self._report, report = os.pipe2(os.O_CLOEXEC)
        control, self._control = os.pipe2(os.O_CLOEXEC)
        self._theirs: tuple[int, ...] = (report, control)
        self._pid = 0
        self.pidfd = -1

    def start(self) -> None:
        """Fork. To be called in a ``try`` whose ``finally`` calls ``close``.

        The tree is killed when the thread that calls this ends.
        """
        caller = os.getpid()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ALL_SIGNALS)
        try:
            self._pid = os.fork()
            if self._pid == 0:
                os.close(self._report)
                os.close(self._control)
                report, control = self._theirs
                _outer(self._plan, self._streams, report, control, caller)
            self.pidfd = os.pidfd_open(self._pid)
        finally:
            for fd in self._theirs:
                os.close(fd)
            self._theirs = ()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def stop(self) -> None:
        """Have every process of the tree killed. Does not wait."""
        if self._control >= 0:
            os.close(self._control)
            self._control = -1

    def finish(self) -> dict[str, list[str]]:
        """Wait until no process is left; what the children told, by first word."""
        text = bytearray()
        while piece := os.read(self._report, 65536):
            text += piece
        self._reap()
        lines = [line.split("\t") for line in text.decode(errors="replace").splitlines()]
        return {line[0]: line[1:] for line in reversed(lines)}  # the first of a kind counts

    def close(self) -> None:
        """Leave no process and no descriptor behind, however far things got."""
        self.stop()
        self._reap()
        for fd in (self._report, self.pidfd, *self._theirs):
            if fd >= 0:
                os.close(fd)
        self._report = self.pidfd = -1
        self._theirs = ()

    def _reap(self) -> None:
        if self._pid:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
            self._pid = 0


def _outer(
    plan: Plan, streams: Sequence[int], report_fd: int, control: int, caller: int
) -> NoReturn:
    """The first child's life. Never returns into the caller's code."""
    report = Report(report_fd)
    try:
        trees = _unshare(plan, report, caller)
        alive, lifeline = os.pipe2(os.O_CLOEXEC)
        report.step("forking")
        pid = os.fork()
        if pid == 0:
            os.close(lifeline)
            _init(plan, streams, report, trees, alive)
        os.close(alive)
        _await_init(pid, control, report)
    except BaseException as error:
        report.fail(error)
    os._exit(1)


def _unshare(plan: Plan, report: Report, caller: int) -> dict[str, int]:
    """Become the build user if there is one, and make the namespaces."""
    os.umask(0o022)
    set_limits()
    trees = None
    if plan.build_user is not None:
        report.step("taking the store's mounts")
        trees = mounts.open_trees(plan)
        report.step("becoming the build user")
        os.setgroups([])
        os.setresgid(plan.build_user, plan.build_user, plan.build_user)
        os.setresuid(plan.build_user, plan.build_user, plan.build_user)
    report.step(UNSHARE)
    kernel.unshare(NAMESPACES)
    kernel.die_with_parent(caller)
    report.step("mapping the build user")
    write_id_maps(plan.uid_map, plan.gid_map)
    report.step("taking the store's mounts")
    return mounts.open_trees(plan) if trees is None else trees


def write_id_maps(uid_map: str, gid_map: str) -> None:
    """Say who this process is in its new user namespace; lines as in user_namespaces(7)."""
    # A change of user id, ours or a caller's, takes the files below /proc/self from the process.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
    for name, text in (("setgroups", "deny"), ("uid_map", uid_map), ("gid_map", gid_map)):
        with open(f"/proc/self/{name}", "wb", buffering=0) as stream:
            stream.write(text.encode())


def _await_init(pid: int, control: int, report: Report) -> NoReturn:
    """Wait for init, or kill it when the caller closes the control pipe."""
    pidfd = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(control, 0)  # a hang-up is always told
    if pidfd not in dict(poll.poll()):
        os.kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    report.tell("gone", status, usage.ru_utime, usage.ru_stime)
    os._exit(0)


def _init(
    plan: Plan, streams: Sequence[int], report: Report, trees: Mapping[str, int], alive: int
) -> NoReturn:
    """The life of the first process of the pid namespace."""
    try:
        kernel.die_with_parent()
        poll = select.poll()
        poll.register(alive, 0)
        if poll.poll(0):
            os._exit(1)  # the outer process died before it could have been told of
        report.step("naming the host")
        kernel.sethostname(b"localhost")
        kernel.setdomainname(b"(none)")
        report.step("bringing up the loopback interface")
        kernel.loopback_up()
        mounts.build_root(plan, trees, report.step)
        report.step("opening the builder's descriptors")
        _arrange_descriptors(plan, streams, report)
        os.chdir("/build")
        _give_up_rights(plan, report)
        report.step("starting the builder")
        _run_builder(plan, report)
    except BaseException as error:
        report.fail(error)
    os._exit(1)


def _arrange_descriptors(plan: Plan, streams: Sequence[int], report: Report) -> None:
    """The builder's from 0 up, the report pipe, and no other."""
    wanted = list(streams)
    if not plan.interactive:
        wanted.insert(0, os.open("/dev/null", os.O_RDONLY))
    wanted += plan.jobserver
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, HIGH) for fd in wanted]
    report.fd = fcntl.fcntl(report.fd, fcntl.F_DUPFD_CLOEXEC, HIGH)
    for number, fd in enumerate(moved):
        os.dup2(fd, number, inheritable=True)
    os.closerange(len(moved), report.fd)
    os.closerange(report.fd + 1, LAST)


def _give_up_rights(plan: Plan, report: Report) -> None:
    """From here on init may do no more than the builder; whoever took it over gained nothing."""
    report.step("giving up capabilities")
    kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    # Nor may its memory be read, which is a copy of the caller's.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    report.step("installing the system-call filter")
    kernel.seccomp(plan.filter)
    report.step("setting the personality")
    kernel.personality(plan.personality)


def _run_builder(plan: Plan, report: Report) -> NoReturn:
    """Start the builder, reap whatever ends, and end with it."""
    try:
        builder = os.posix_spawn(
            plan.argv[0],
            plan.argv,
            plan.env,
            setsigmask=(),
            setsigdef=ALL_SIGNALS,
            **({"setpgroup": 0} if plan.interactive else {"setsid": True}),
        )
    except OSError as error:
        text = _unexecuted(plan.argv[0], error)
        os.write(2, text.encode() + b"\n")
        report.tell("unexecuted", text)
        report.tell("exited", UNEXECUTED << 8, 0)
        os._exit(0)
    if plan.interactive:
        _give_terminal(builder)
    while True:
        pid, status = os.wait()
        if pid == builder:
            break
    report.tell("exited", status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    os._exit(0)


def _unexecuted(path: str, error: OSError) -> str:
    text = f"cannot execute {path}: {error.strerror}"
    if error.errno == errno.ENOENT and os.path.exists(path):
        text += " (the file is there: its interpreter is not)"
    return text


def _give_terminal(builder: int) -> None:
    """Make the builder's process group the one that the terminal talks to."""
    with contextlib.suppress(OSError):  # there may be no terminal
        os.tcsetpgrp(0, builder)
        os.killpg(builder, signal.SIGCONT)  # it may have been stopped for asking too early
