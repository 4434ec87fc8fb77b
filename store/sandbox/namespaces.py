"""The process tree of a build: the caller's child is the first process of its namespaces.

::

    caller ── init ── builder ── ...
              `- makes the mounts, gives up every right, starts the builder, reaps what ends

When init ends the kernel kills everything in its pid namespace, and only then tells the caller that
init has ended; so the end of init is the end of the whole tree. The caller stops a build by killing
init. If the caller dies, the kernel kills init.

Before anything else, init waits on the lifeline, a pipe. The caller sends one byte through it when
the kernel knows init's users (``uid_map``); a hang-up means that the caller is dead.

Init tells the caller what happened in lines of tab-separated words through the report pipe:
``failed STEP ERRNO``, ``unexecuted TEXT``, ``exited WAIT-STATUS KILOBYTES`` (of the builder). The
caller adds ``gone WAIT-STATUS USER SYSTEM``, which is of init and all processes below it.
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

from store.display import printable, reason
from store.sandbox import mounts
from store.sandbox.diagnosis import DESCRIPTORS, TRACE, UNSHARE, diagnose
from store.sandbox.limits import set_limits
from store.sandbox.preparation import SandboxPlan
from store.sandbox.program import leads_out
from store.system import kernel, ptrace
from store.system.chroots import leave_chroot

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
LONGEST: Final = 500  # characters of a word of a report
MOUNTS: Final = "taking the store's mounts"


class Report:
    """The children's end of the report pipe, and the step under way."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.trying = ""

    def step(self, name: str) -> None:
        """Note that the next step is ``name``."""
        self.trying = name

    def tell(self, *words: object) -> None:
        """Write one line. Short enough to be written whole, and nothing in a word ends it."""
        text = "\t".join(printable(str(word))[:LONGEST] for word in words)
        os.write(self.fd, text.encode() + b"\n")

    def fail(self, error: BaseException) -> None:
        """Report that the step under way did not work."""
        with contextlib.suppress(OSError):
            if isinstance(error, OSError) and error.errno:
                self.tell("failed", self.trying, error.errno)
            else:
                self.tell("failed", f"{self.trying}: {reason(error)}", 0)


class ProcessTree:
    """A sandboxed process tree: started once, stopped at any time, waited for at the end."""

    def __init__(self, plan: SandboxPlan, streams: Sequence[int]) -> None:
        """Prepare a tree. ``streams`` become the builder's descriptors 1 and 2; all of 0 to 2 if
        interactive."""
        self._plan = plan
        self._streams = streams
        self._report, self._report_end = os.pipe2(os.O_CLOEXEC)
        self._lifeline_end, self._lifeline = os.pipe2(os.O_CLOEXEC)
        self._trees: dict[str, int] = {}
        self._pid = 0
        self.pidfd = -1

    def start(self) -> None:
        """Make the namespaces and let init run. In a ``try`` whose ``finally`` calls ``close``.

        Only in a process with one thread; see ``kernel.clone``. Raises ``SandboxUnavailable`` if
        the kernel refuses. Refusals to init are in the report, which ``finish`` returns.
        """
        if kernel.threads() > 1:
            raise RuntimeError("a process with several threads cannot start a sandbox")
        step = MOUNTS
        try:
            if self._plan.build_user is not None:
                self._trees = mounts.open_trees(self._plan)
            step = UNSHARE
            kernel.filter_program(self._plan.filter)
            self._clone()
            step = "mapping the build user"
            write_id_maps(self._pid, self._plan)
            set_limits(self._pid)
        except OSError as error:
            raise diagnose(step, error.errno or 0) from error
        with contextlib.suppress(BrokenPipeError):  # init may have failed already
            os.write(self._lifeline, b"!")
        self._close("_report_end", "_lifeline_end")

    def _clone(self) -> None:
        mask = kernel.mask_signals()
        try:
            self._pid = _clone_from_root()
            if self._pid == 0:
                os.close(self._report)
                os.close(self._lifeline)
                report = Report(self._report_end)
                _init(self._plan, self._streams, report, self._trees, self._lifeline_end)
            self.pidfd = os.pidfd_open(self._pid)
        finally:
            kernel.mask_signals(mask)

    def stop(self) -> None:
        """Kill every process of the tree. Does not wait."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)  # not yet reaped, so the number is still its own

    def finish(self) -> dict[str, list[str]]:
        """Wait until no process is left; returns the reports, by first word."""
        gone = self._reap()
        text = bytearray()
        while piece := os.read(self._report, 65536):
            text += piece
        lines = [line.split("\t") for line in text.decode(errors="replace").split("\n") if line]
        return {"gone": gone} | {line[0]: line[1:] for line in lines}

    def close(self) -> None:
        """Leave no process and no descriptor behind, however far things got."""
        self.stop()
        self._reap()
        self._close("_report", "_report_end", "_lifeline", "_lifeline_end", "pidfd")
        for tree in self._trees.values():
            os.close(tree)
        self._trees = {}

    def _reap(self) -> list[str]:
        if not self._pid:
            return []
        _, status, usage = os.wait4(self._pid, 0)
        self._pid = 0
        return [str(status), str(usage.ru_utime), str(usage.ru_stime)]

    def _close(self, *names: str) -> None:
        for name in names:
            fd = getattr(self, name)
            if fd >= 0:
                os.close(fd)
            setattr(self, name, -1)


def _clone_from_root() -> int:
    """Return as ``kernel.clone`` does, of the namespaces of a build; from a chroot, too."""
    try:
        return kernel.clone(NAMESPACES)
    except OSError as error:
        if error.errno != errno.EPERM or not leave_chroot():
            raise
    return kernel.clone(NAMESPACES)


def write_id_maps(pid: int, plan: SandboxPlan) -> None:
    """Write the process's ids in its new user namespace; see user_namespaces(7)."""
    lines = [("uid_map", plan.uid_map), ("gid_map", plan.gid_map)]
    if plan.build_user is None:
        lines.insert(0, ("setgroups", "deny"))  # without it, only root may map a group
    for name, text in lines:
        with open(f"/proc/{pid}/{name}", "wb", buffering=0) as stream:
            stream.write(text.encode())


def _init(
    plan: SandboxPlan,
    streams: Sequence[int],
    report: Report,
    trees: Mapping[str, int],
    lifeline: int,
) -> NoReturn:
    """Live as the first process of the pid namespace. Never returns to the caller's code."""
    try:
        _become_builder(plan, report, lifeline)
        if not trees:
            report.step(MOUNTS)
            trees = mounts.open_trees(plan)
        report.step("naming the host")
        kernel.sethostname(b"localhost")
        kernel.setdomainname(b"(none)")
        report.step("bringing up the loopback interface")
        kernel.loopback_up()
        mounts.build_root(plan, trees, report.step)
        report.step(DESCRIPTORS)
        _arrange_descriptors(plan, streams, report)
        os.chdir("/build")
        _give_up_rights(plan, report)
        report.step("starting the builder")
        _run_builder(plan, report)
    except BaseException as error:
        report.fail(error)
    finally:
        os._exit(1)  # whatever happens: behind us lies the caller's code


def _become_builder(plan: SandboxPlan, report: Report, lifeline: int) -> None:
    """Wait until the caller has written the maps, and take on the ids that they name."""
    if not os.read(lifeline, 1):
        os._exit(1)
    report.step("becoming the build user")
    if plan.build_user is not None:
        os.setgroups([])
        os.setresgid(plan.gid, plan.gid, plan.gid)
        os.setresuid(plan.uid, plan.uid, plan.uid)
    kernel.die_with_parent()
    poll = select.poll()
    poll.register(lifeline, 0)  # a hang-up is always reported
    if poll.poll(0):
        os._exit(1)  # the caller died before the kernel knew that this concerns us
    os.umask(0o022)


def _arrange_descriptors(plan: SandboxPlan, streams: Sequence[int], report: Report) -> None:
    """Keep the builder's descriptors from 0 up, the report pipe, and no other."""
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


def _give_up_rights(plan: SandboxPlan, report: Report) -> None:
    """Limit init to the builder's rights from here on; a process that took it over gained
    nothing."""
    report.step("giving up capabilities")
    kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    # Nor may its memory be read, which is a copy of the caller's.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    report.step("installing the system-call filter")
    kernel.seccomp(plan.filter)
    report.step("setting the personality")
    kernel.personality(plan.personality)
    if plan.processors is not None:
        report.step("choosing processors")
        os.sched_setaffinity(0, plan.processors)


def _run_builder(plan: SandboxPlan, report: Report) -> NoReturn:
    """Start the builder, reap whatever ends, and end with it."""
    wait = _wait
    if outside := leads_out(plan.argv[0]):
        error = OSError(errno.EACCES, f"{printable(outside)} leads out of the sandbox")
        _tell_unexecuted(plan.argv[0], error, report)
        report.tell("exited", UNEXECUTED << 8, 0)
        os._exit(0)
    if plan.tracer is None:
        builder = _spawn(plan, report)
    else:
        report.step(TRACE)
        builder = plan.tracer.start(lambda: _execute(plan, report))
        wait = plan.tracer.wait
    if plan.interactive:
        _give_terminal(builder)
    while True:
        pid, status = wait()
        if pid == builder:
            break
    report.tell("exited", status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    os._exit(0)


def _wait() -> tuple[int, int]:
    """Return the next process that ends, and its status."""
    while True:
        pid, status = os.wait()
        if not os.WIFSTOPPED(status):
            return pid, status
        # It has asked to be traced by its parent, which we became. We trace nobody.
        with contextlib.suppress(OSError):
            ptrace.detach(pid, os.WSTOPSIG(status))


def _spawn(plan: SandboxPlan, report: Report) -> int:
    try:
        return os.posix_spawn(
            plan.argv[0],
            plan.argv,
            plan.env,
            setsigmask=(),
            setsigdef=ALL_SIGNALS,
            **({"setpgroup": 0} if plan.interactive else {"setsid": True}),
        )
    except OSError as error:
        _tell_unexecuted(plan.argv[0], error, report)
        report.tell("exited", UNEXECUTED << 8, 0)
        os._exit(0)


def _execute(plan: SandboxPlan, report: Report) -> NoReturn:
    """Become the builder, as the child of posix_spawn(3) does. For a process of its own."""
    if plan.interactive:
        os.setpgid(0, 0)
    else:
        os.setsid()
    for number in {*ALL_SIGNALS} - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        os.execve(plan.argv[0], plan.argv, plan.env)  # noqa: S606 (no shell is wanted)
    except OSError as error:
        _tell_unexecuted(plan.argv[0], error, report)
    os._exit(UNEXECUTED)


def _tell_unexecuted(path: str, error: OSError, report: Report) -> None:
    text = f"cannot execute {printable(path)[: LONGEST // 2]}: {error.strerror}"
    if error.errno == errno.ENOENT and os.path.exists(path):
        text += " (the file is there: its interpreter is not)"
    os.write(2, text.encode() + b"\n")
    report.tell("unexecuted", text)


def _give_terminal(builder: int) -> None:
    """Make the builder's process group the one that the terminal talks to."""
    with contextlib.suppress(OSError):  # there may be no terminal
        os.tcsetpgrp(0, builder)
        os.killpg(builder, signal.SIGCONT)  # it may have been stopped for asking too early
