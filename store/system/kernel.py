"""The Linux system calls that Python does not offer; those of a tracer are in ``ptrace``.

Each function is one call. A failure is an ``OSError`` whose ``filename`` names the call, so that
a report can say which one the kernel refused. Numbers are those of x86_64 below 424; from 424 on
every architecture shares them. Nothing here keeps state, so all of it may be used after a fork.
They go through ``system_call``, which has two ways.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import stat
import struct
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

from store.system.system_call import (
    MACHINE,
    Memory,
    SystemCall,
    function,
    last_error,
)

# <linux/sched.h>
CLONE_NEWNS: Final = 0x0002_0000
CLONE_NEWCGROUP: Final = 0x0200_0000
CLONE_NEWUTS: Final = 0x0400_0000
CLONE_NEWIPC: Final = 0x0800_0000
CLONE_NEWUSER: Final = 0x1000_0000
CLONE_NEWPID: Final = 0x2000_0000
CLONE_NEWNET: Final = 0x4000_0000
# <linux/mount.h>
MS_RDONLY: Final = 0x1
MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_REMOUNT: Final = 0x20
MS_NOATIME: Final = 0x400
MS_NODIRATIME: Final = 0x800
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x4_0000
MS_RELATIME: Final = 0x20_0000
MNT_DETACH: Final = 0x2
# <linux/mount.h>: the first four bits of MOUNT_ATTR_* are those of MS_*
AT_FDCWD: Final = -100
RENAME_EXCHANGE: Final = 0x2
AT_SYMLINK_NOFOLLOW: Final = 0x100
AT_EMPTY_PATH: Final = 0x1000
AT_RECURSIVE: Final = 0x8000
OPEN_TREE_CLONE: Final = 0x1
MOVE_MOUNT_F_EMPTY_PATH: Final = 0x4
# <linux/openat2.h>
RESOLVE_NO_XDEV: Final = 0x01
RESOLVE_NO_MAGICLINKS: Final = 0x02
RESOLVE_NO_SYMLINKS: Final = 0x04
RESOLVE_BENEATH: Final = 0x08
# <linux/prctl.h>, <linux/personality.h>, <linux/seccomp.h>, <linux/capability.h>
PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_CAPBSET_DROP: Final = 24
PR_SET_NO_NEW_PRIVS: Final = 38
ADDR_NO_RANDOMIZE: Final = 0x0004_0000
UNAME26: Final = 0x0002_0000
SECCOMP_SET_MODE_FILTER: Final = 1
LANDLOCK_VERSION: Final = 1
LANDLOCK_READ_FILE: Final = 0b0100
LANDLOCK_READ_DIR: Final = 0b1000
LANDLOCK_FILE_RIGHTS: Final = (13, 14, 15, 15, 16)  # by version
SECCOMP_FILTER_FLAG_SPEC_ALLOW: Final = 4
CAPABILITY_VERSION_3: Final = 0x2008_0522
CAP_CHOWN: Final = 0
CAP_SETGID: Final = 6
CAP_SETUID: Final = 7
CAP_SYS_CHROOT: Final = 18
CAP_SYS_ADMIN: Final = 21

_NR_OPEN_TREE: Final = 428
_NR_MOVE_MOUNT: Final = 429

_clone = SystemCall("clone", "wwwww", {"x86_64": 56, "aarch64": 220}, locked=True)
_sigprocmask = SystemCall("sigprocmask", "isww", {"x86_64": 14, "aarch64": 135})
_unshare = SystemCall("unshare", "i", {"x86_64": 272, "aarch64": 97})
_mount = SystemCall("mount", "sssws", {"x86_64": 165, "aarch64": 40})
_umount2 = SystemCall("umount2", "si", {"x86_64": 166, "aarch64": 39})
_prctl = SystemCall("prctl", "iwwww", {"x86_64": 157, "aarch64": 167})
_landlock_create_ruleset = SystemCall("landlock", "swu", 444)
_landlock_add_rule = SystemCall("landlock", "iisu", 445)
_landlock_restrict_self = SystemCall("landlock", "iu", 446)
_personality = SystemCall("personality", "w", {"x86_64": 135, "aarch64": 92})
_sethostname = SystemCall("sethostname", "sw", {"x86_64": 170, "aarch64": 161})
_setdomainname = SystemCall("setdomainname", "sw", {"x86_64": 171, "aarch64": 162})
_socket = SystemCall("socket", "iii", {"x86_64": 41, "aarch64": 198})
_syncfs = SystemCall("syncfs", "i", {"x86_64": 306, "aarch64": 267})
_pivot_root = SystemCall("pivot_root", "ss", {"x86_64": 155, "aarch64": 41})
_capset = SystemCall("capset", "ss", {"x86_64": 126, "aarch64": 91})
_seccomp = SystemCall("seccomp", "uuw", {"x86_64": 317, "aarch64": 277})
_renameat2 = SystemCall("renameat2", "isisu", {"x86_64": 316, "aarch64": 276})
_open_tree = SystemCall("open_tree", "isu", _NR_OPEN_TREE)
_move_mount = SystemCall("move_mount", "isisu", _NR_MOVE_MOUNT)
_mount_setattr = SystemCall("mount_setattr", "isusw", 442)
_openat2 = SystemCall("openat2", "issw", 437)


_bare_syscall = function(None)  # for calls that take no number beyond C's int


def machine() -> str:
    """Return the machine's architecture as the kernel names it, such as ``x86_64``."""
    return MACHINE


def threads() -> int:
    """Return how many threads this process has, Python's and others."""
    return len(os.listdir("/proc/self/task"))


def clone(flags: int) -> int:
    """Fork into new namespaces: 0 in the child, its process id in the parent.

    Unlike ``os.fork`` this does not notify the C library or Python, which is only right if the
    process has one thread. The child must not start threads and has to end by ``os._exit``.
    """
    return _clone(flags | signal.SIGCHLD, 0, 0, 0, 0)


def mask_signals(mask: bytes = b"\xff" * 8) -> bytes:
    """Set these signals (the kernel's ``sigset_t``) as blocked, all by default; returns those
    blocked before. Python's own call makes a set of signals, which takes long."""
    former = Memory(len(mask))
    _sigprocmask(signal.SIG_SETMASK, mask, former.address, len(mask))
    return bytes(former.content)


def unshare(flags: int) -> None:
    """Leave the namespaces named by ``CLONE_NEW*`` flags for new ones."""
    _unshare(flags)


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Call mount(2). For a bind, ``kind`` is None and ``flags`` has ``MS_BIND``."""
    _mount(
        os.fsencode(source),
        os.fsencode(target),
        None if kind is None else kind.encode(),
        flags,
        None if data is None else data.encode(),
    )


def umount(target: str, flags: int = MNT_DETACH) -> None:
    """Unmount; by default lazily, so that it cannot be busy."""
    _umount2(os.fsencode(target), flags)


def pivot_root(new: str, old: str) -> None:
    """Make the mount ``new`` the root, and put the old root at ``old``."""
    _pivot_root(os.fsencode(new), os.fsencode(old))


def openat2(folder: int, path: bytes, flags: int, mode: int, resolve: int) -> int:
    """Open ``path`` from a descriptor, with ``RESOLVE_*`` for each of its parts. Linux 5.6."""
    while True:
        try:
            # EAGAIN: something was renamed while the kernel looked.
            how = struct.pack("=QQQ", flags, mode, resolve)
            return _openat2(folder, path, how, len(how))
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EINTR):
                raise


def open_tree(path: str, *, folder: int = AT_FDCWD, recursive: bool = False) -> int:
    """Return a descriptor (close on exec) of a detached copy of the mount at ``path``, which is
    relative to ``folder``; of those below it too, if ``recursive``. Linux 5.2.

    A link at the end of the path is taken itself. An empty path is the folder.
    """
    flags = OPEN_TREE_CLONE | os.O_CLOEXEC | AT_SYMLINK_NOFOLLOW
    flags |= (AT_RECURSIVE if recursive else 0) | (0 if path else AT_EMPTY_PATH)
    return _open_tree(folder, os.fsencode(path), flags)


def move_mount(tree: int, target: str, *, folder: int = AT_FDCWD) -> None:
    """Attach a detached mount at ``target``, relative to ``folder``; never behind a link at the
    end of that. Linux 5.2."""
    _move_mount(tree, b"", folder, os.fsencode(target), MOVE_MOUNT_F_EMPTY_PATH)


def bind_all(folder: int, names: Iterable[str], points: int) -> None:
    """Mount each of the entries ``names`` of ``folder`` on the one of ``points`` that has the same
    name: the file itself, and no link. The error of one that fails has its name as ``filename2``.

    There may be thousands. Without types to convert to, a call takes half as long.
    """
    call, flags = _bare_syscall, OPEN_TREE_CLONE | os.O_CLOEXEC | AT_SYMLINK_NOFOLLOW
    for name in names:
        path = os.fsencode(name)
        tree = call(_NR_OPEN_TREE, folder, path, flags)
        if tree < 0:
            raise _named("open_tree", name)
        if call(_NR_MOVE_MOUNT, tree, b"", points, path, MOVE_MOUNT_F_EMPTY_PATH):
            error = _named("move_mount", name)
            os.close(tree)
            raise error
        os.close(tree)


def _named(call: str, name: str) -> OSError:
    code = last_error()
    return OSError(code, os.strerror(code), call, None, name)


def restrict_mount(target: str, flags: int) -> None:
    """Add ``MS_RDONLY``, ``MS_NOSUID``, ``MS_NODEV`` or ``MS_NOEXEC`` to a mount and make it
    private. Before Linux 5.12, by a remount that repeats the flags that the mount has."""
    attributes = struct.pack("=QQQQ", flags, 0, MS_PRIVATE, 0)
    try:
        _mount_setattr(AT_FDCWD, os.fsencode(target), 0, attributes, len(attributes))
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        _mount(None, os.fsencode(target), None, MS_PRIVATE, None)
        kept = _kept_flags(os.statvfs(target).f_flag)
        _mount(None, os.fsencode(target), None, MS_REMOUNT | MS_BIND | kept | flags, None)


def _kept_flags(flag: int) -> int:
    """Return the mount flags that statvfs(2) shows; leaving out one that is locked is EPERM."""
    kept = flag & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME)
    return kept | (MS_RELATIME if flag & 0x1000 else 0)  # ST_RELATIME


def prctl(option: int, argument: int = 0) -> int:
    """Call prctl(2) for the options that take one number."""
    return _prctl(option, argument, 0, 0, 0)


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when the thread that forked it ends.

    ``parent`` is its process id: if it has ended already, this process ends at once. A change of
    user id undoes the request, so make it afterwards.
    """
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os._exit(128 + signal.SIGKILL)


def capabilities() -> int:
    """Return the effective capabilities of this process, as a bit set."""
    with open("/proc/self/status", "rb") as status:
        for line in status:
            if line.startswith(b"CapEff:"):
                return int(line.split()[1], 16)
    return 0


def drop_capabilities() -> None:
    """Empty the bounding set, then the permitted, effective and inheritable sets."""
    for capability in range(64):
        try:
            _prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            break  # past the last capability that this kernel knows
    _capset(struct.pack("=Ii", CAPABILITY_VERSION_3, 0), bytes(24))


@cache
def filter_program(instructions: bytes) -> tuple[int, Memory, Memory]:
    """Return a ``struct sock_fprog`` of ``struct sock_filter`` after ``struct sock_filter``: its
    address, and the memory that has to live as long. Made before a fork, it spares each child the
    making."""
    code = Memory(instructions)
    header = Memory(struct.pack("@HP", len(instructions) // 8, code.address))
    return header.address, header, code


def seccomp(instructions: bytes) -> None:
    """Install a filter (``struct sock_filter`` after ``struct sock_filter``) for good."""
    program = filter_program(instructions)[0]
    try:  # the flag: before Linux 5.16 a filter would switch speculation off, and slow the build
        _seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, program)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        _seccomp(SECCOMP_SET_MODE_FILTER, 0, program)


def landlock_version() -> int:
    """Return the version of Landlock that the kernel has; OSError when it has none."""
    return _landlock_create_ruleset(None, 0, LANDLOCK_VERSION)


def landlock(readable: Sequence[str]) -> None:
    """Let this thread read files at or below these paths, missing ones left out, and open nothing
    else; nor, where the kernel knows how (Linux 6.7, 6.12), use TCP or send signals. For good."""
    version = landlock_version()
    files = (1 << LANDLOCK_FILE_RIGHTS[min(version, len(LANDLOCK_FILE_RIGHTS)) - 1]) - 1
    attributes = struct.pack("=QQQ", files, 3, 3)  # two rights each for TCP, and for sending
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = _landlock_create_ruleset(attributes[:size], size, 0)
    try:
        for path in readable:
            with contextlib.suppress(OSError):
                _landlock_read(rules, path)
        _landlock_restrict_self(rules, 0)
    finally:
        os.close(rules)


def _landlock_read(rules: int, path: str) -> None:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        folder = stat.S_ISDIR(os.fstat(fd).st_mode)
        rights = LANDLOCK_READ_FILE | (LANDLOCK_READ_DIR if folder else 0)
        _landlock_add_rule(rules, 1, struct.pack("=Qi", rights, fd), 0)
    finally:
        os.close(fd)


def personality(flags: int) -> None:
    """Set the execution domain, which survives execve(2)."""
    _personality(flags)


def sethostname(name: bytes) -> None:
    """Set the host name of this UTS namespace."""
    _sethostname(name, len(name))


def setdomainname(name: bytes) -> None:
    """Set the NIS domain name of this UTS namespace."""
    _setdomainname(name, len(name))


def exchange(one: str, other: str) -> None:
    """Let two paths of one file system change places, at once for whoever looks."""
    names = os.fsencode(one), os.fsencode(other)
    _renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE)


def syncfs(fd: int) -> None:
    """Write the file system that ``fd`` is on to its disk."""
    _syncfs(fd)


def loopback_up() -> None:
    """Bring up the loopback interface of this network namespace."""
    af_inet, sock_dgram, siocsifflags, up = 2, 2, 0x8914, 0x1
    # Not Python's socket, whose making touches much memory, and its module much time.
    handle = _socket(af_inet, sock_dgram, 0)
    try:
        fcntl.ioctl(handle, siocsifflags, struct.pack("16sh22x", b"lo", up))
    finally:
        os.close(handle)
