"""The system-call filter of a build, as a program for the kernel's classic BPF machine.

The namespaces already keep a builder in; the filter closes the gaps that they leave open. The
refused calls, and the reasons, are in the tables below. It is a list of refusals and not of
permissions: a build may run any program, and a call that is unknown here is either harmless or
refused by the namespaces.

Classic BPF: https://docs.kernel.org/userspace-api/seccomp_filter.html. The kernel remembers the
calls that pass with any arguments (Linux 5.11). So the length of the program costs only the few
calls whose arguments are looked at.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

MACHINE: Final = "x86_64"
"""The one machine that the tables are for."""

AUDIT_ARCH_X86_64: Final = 0xC000_003E
X32_BIT: Final = 0x4000_0000
RET_ALLOW: Final = 0x7FFF_0000
RET_TRACE: Final = 0x7FF0_0000
RET_ERRNO: Final = 0x0005_0000

# struct seccomp_data: int nr; __u32 arch; __u64 instruction_pointer; __u64 args[6]
OFFSET_NR: Final = 0
OFFSET_ARCH: Final = 4
OFFSET_ARGS: Final = 16

# BPF_LD|BPF_W|BPF_ABS, BPF_ALU|BPF_AND|BPF_K, BPF_JMP|{BPF_JEQ,BPF_JGE,BPF_JSET}|BPF_K,
# BPF_RET|BPF_K
LOAD: Final = 0x20
AND: Final = 0x54
JUMP_EQUAL: Final = 0x15
JUMP_AT_LEAST: Final = 0x35
JUMP_ANY_BIT: Final = 0x45
RETURN: Final = 0x06

CLONE: Final = 56
CLONE3: Final = 435
SET_ID_BITS: Final = 0o6000
O_CREAT_OR_TMPFILE: Final = 0o100 | 0o20000000
NEW_NAMESPACE: Final = 0x7E02_0000  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}
NEW_TIME_NAMESPACE: Final = 0x80  # in clone(2) this bit is part of the exit signal
# Unix, IPv4, IPv6 and netlink are namespaced. Others are not, or not all (vsock reaches the host).
SOCKET_FAMILIES: Final = (1, 2, 10, 16)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Calls that fail with ``code`` whatever their arguments are."""

    code: int
    reason: str
    calls: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class BitRule:
    """A call that fails with ``code`` if argument ``argument`` has one of ``bits``.

    With ``when``, an (argument, bits) pair, only if that argument has one of those bits too.
    """

    call: tuple[str, int]
    argument: int
    bits: int
    code: int = errno.EPERM
    when: tuple[int, int] | None = None


BIT_RULES: Final = (
    # A set-user-id file would outlive the build, with the build user's rights.
    BitRule(("openat", 257), 3, SET_ID_BITS, when=(2, O_CREAT_OR_TMPFILE)),
    BitRule(("open", 2), 2, SET_ID_BITS, when=(1, O_CREAT_OR_TMPFILE)),
    BitRule(("creat", 85), 1, SET_ID_BITS),
    BitRule(("chmod", 90), 1, SET_ID_BITS),
    BitRule(("fchmod", 91), 1, SET_ID_BITS),
    BitRule(("fchmodat", 268), 2, SET_ID_BITS),
    BitRule(("fchmodat2", 452), 2, SET_ID_BITS),
    BitRule(("mknod", 133), 1, SET_ID_BITS),
    BitRule(("mknodat", 259), 2, SET_ID_BITS),
    # In a user namespace of his own a builder would be root, and could mount.
    BitRule(("clone", 56), 0, NEW_NAMESPACE),
    BitRule(("unshare", 272), 0, NEW_NAMESPACE | NEW_TIME_NAMESPACE),
)

DISK_REQUESTS: Final = (0x94, 0xBC)
"""The types, which are their second byte, of requests of ioctl(2) that btrfs and bcachefs have.

Whoever has a folder may have a snapshot of all that is on the disk beside it: the rest of the store
and, in a user's build, all of a home. They fail as on other file systems."""
SHARED_REQUESTS: Final = (0x4004_9409, 0x4020_940D, 0xC018_9436)
"""``FICLONE``, ``FICLONERANGE`` and ``FIDEDUPERANGE``, which came from btrfs and are every file
system's: they share what the builder could copy."""


@dataclass(frozen=True, slots=True)
class RequestRule:
    """A call that fails with ``code`` if its second argument is one of ``requests``. Of others,
    those with a type in ``types`` fail with ``ENOTTY``, unless they are in ``exempt``."""

    call: tuple[str, int]
    requests: tuple[tuple[str, int], ...]
    code: int
    types: tuple[int, ...] = ()
    exempt: tuple[int, ...] = ()


REQUEST_RULES: Final = (
    RequestRule(
        ("ioctl", 16),
        (
            # They type on the terminal, which belongs to the user that looks at a failed build.
            ("TIOCSTI", 0x5412),
            ("TIOCLINUX", 0x541C),
        ),
        errno.EPERM,
        DISK_REQUESTS,
        SHARED_REQUESTS,
    ),
    # With a lease on an input, whose owner an ordinary user's builder is, all others who open the
    # file wait until the lease is broken: 45 seconds each time.
    RequestRule(("fcntl", 72), (("F_SETLEASE", 1024), ("F_SETDELEG", 1040)), errno.EINVAL),
)

SOCKET_CALLS: Final = (("socket", 41), ("socketpair", 53))

# The calls that a traced build stops at.
CLOCK_GETTIME: Final = 228
GETTIMEOFDAY: Final = 96
TIME: Final = 201
CLOCK_NANOSLEEP: Final = 230
FUTEX: Final = 202
GETDENTS: Final = 78
GETDENTS64: Final = 217
WALL_CLOCKS: Final = (0, 5, 8, 11)
"""``CLOCK_REALTIME``, ``CLOCK_REALTIME_COARSE``, ``CLOCK_REALTIME_ALARM``, ``CLOCK_TAI``."""
TIMER_ABSTIME: Final = 1
FUTEX_CLOCK_REALTIME: Final = 256
FUTEX_LOCK_PI: Final = (6, 6 | 128)  # its deadlines are always the wall clock's

REFUSALS: Final = (
    Refusal(
        errno.ENOSYS,
        "their arguments lie in memory, out of a filter's sight; programs fall back to older calls",
        (
            ("clone3", 435),
            ("openat2", 437),
            ("io_uring_setup", 425),
            ("io_uring_enter", 426),
            ("io_uring_register", 427),
        ),
    ),
    Refusal(
        errno.EINVAL,
        "they hold a pipe's lock while they wait for its other side, and would stop the reader of "
        "the log, or of the tokens, for good; programs fall back to reading and writing",
        (
            ("splice", 275),
            ("tee", 276),
            ("vmsplice", 278),
            ("sendfile", 40),
        ),
    ),
    Refusal(
        errno.ENOTSUP,
        "an object keeps no extended attributes, so a builder may not see any",
        (
            ("setxattr", 188),
            ("lsetxattr", 189),
            ("fsetxattr", 190),
            ("removexattr", 197),
            ("lremovexattr", 198),
            ("fremovexattr", 199),
            ("setxattrat", 463),
            ("removexattrat", 466),
            ("file_setattr", 469),
        ),
    ),
    Refusal(
        errno.EPERM,
        "the namespaces are made, and stay as they are",
        (
            ("setns", 308),
            ("pivot_root", 155),
            ("chroot", 161),
            ("mount", 165),
            ("umount2", 166),
            ("open_tree", 428),
            ("move_mount", 429),
            ("fsopen", 430),
            ("fsconfig", 431),
            ("fsmount", 432),
            ("fspick", 433),
            ("mount_setattr", 442),
            ("open_tree_attr", 467),
            ("name_to_handle_at", 303),
            ("open_by_handle_at", 304),
        ),
    ),
    Refusal(
        errno.EPERM,
        "no build needs them, and they have been a way into the kernel",
        (
            ("bpf", 321),
            ("perf_event_open", 298),
            ("userfaultfd", 323),
            ("add_key", 248),
            ("request_key", 249),
            ("keyctl", 250),
            ("kexec_load", 246),
            ("kexec_file_load", 320),
            ("init_module", 175),
            ("finit_module", 313),
            ("delete_module", 176),
            ("lookup_dcookie", 212),
            ("fanotify_init", 300),
        ),
    ),
    Refusal(
        errno.EPERM,
        "they are for the one who runs the machine",
        (
            ("swapon", 167),
            ("swapoff", 168),
            ("reboot", 169),
            ("acct", 163),
            ("quotactl", 179),
            ("quotactl_fd", 443),
            ("settimeofday", 164),
            ("clock_settime", 227),
            ("iopl", 172),
            ("ioperm", 173),
            ("syslog", 103),
            ("vhangup", 153),
            ("nfsservctl", 180),
        ),
    ),
)


def _instruction(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)


def _refuse(code: int) -> bytes:
    return _instruction(RETURN, RET_ERRNO | code)


def _load(offset: int) -> bytes:
    return _instruction(LOAD, offset)


def _load_argument(index: int) -> bytes:
    # The lower half, on a little-endian machine: flags, modes and families are 32 bits at most,
    # and the kernel drops the upper half of the register.
    return _load(OFFSET_ARGS + 8 * index)


def _for_call(number: int, block: bytes) -> bytes:
    """Return ``block``, which has to end in a return, for the call of that number."""
    return _instruction(JUMP_EQUAL, number, 0, len(block) // 8) + block


def _unless_bits(bits: int, skip: int) -> bytes:
    """Skip ``skip`` instructions if none of ``bits`` is in the accumulator."""
    return _instruction(JUMP_ANY_BIT, bits, 0, skip)


def _bit_rule(rule: BitRule) -> bytes:
    block = _load_argument(rule.argument) + _unless_bits(rule.bits, 1) + _refuse(rule.code)
    if rule.when is not None:
        argument, bits = rule.when
        block = _load_argument(argument) + _unless_bits(bits, len(block) // 8) + block
    return _for_call(rule.call[1], block + _instruction(RETURN, RET_ALLOW))


def _request_rule(rule: RequestRule) -> bytes:
    listed = {value: rule.code for _, value in rule.requests} | dict.fromkeys(rule.exempt, 0)
    block = _load_argument(1)
    for value, code in listed.items():
        block += _instruction(JUMP_EQUAL, value, 0, 1)
        block += _refuse(code) if code else _instruction(RETURN, RET_ALLOW)
    block += _instruction(AND, 0xFF00)
    for kind in rule.types:
        block += _instruction(JUMP_EQUAL, kind << 8, 0, 1) + _refuse(errno.ENOTTY)
    return _for_call(rule.call[1], block + _instruction(RETURN, RET_ALLOW))


def _choice(number: int, argument: int, values: Sequence[int], listed: int, other: int) -> bytes:
    """Return ``listed`` for the call if the argument is one of ``values``, else ``other``."""
    return _for_call(number, _among(argument, values, listed, other))


def _among(argument: int, values: Sequence[int], listed: int, other: int) -> bytes:
    tests = b"".join(
        _instruction(JUMP_EQUAL, value, len(values) - position)
        for position, value in enumerate(values)
    )
    returns = _instruction(RETURN, other) + _instruction(RETURN, listed)
    return _load_argument(argument) + tests + returns


def _start() -> list[bytes]:
    """Refuse other machines' calls, and load the number of the call."""
    return [
        _load(OFFSET_ARCH),
        _instruction(JUMP_EQUAL, AUDIT_ARCH_X86_64, 1, 0),
        _refuse(errno.ENOSYS),  # i386 has other numbers for the same calls
        _load(OFFSET_NR),
        _instruction(JUMP_AT_LEAST, X32_BIT, 0, 1),
        _refuse(errno.ENOSYS),  # and so has x32
    ]


@cache
def program() -> bytes:
    """Return the filter, as an array of ``struct sock_filter`` (8 bytes each)."""
    parts = _start()
    parts += [_bit_rule(rule) for rule in BIT_RULES]
    refused = RET_ERRNO | errno.EAFNOSUPPORT
    parts += [_choice(number, 0, SOCKET_FAMILIES, RET_ALLOW, refused) for _, number in SOCKET_CALLS]
    parts += [_request_rule(rule) for rule in REQUEST_RULES]
    parts += [
        _for_call(number, _refuse(refusal.code))
        for refusal in REFUSALS
        for _, number in refusal.calls
    ]
    parts.append(_instruction(RETURN, RET_ALLOW))
    return b"".join(parts)


def refusal_program(calls: Sequence[tuple[str, int]]) -> bytes:
    """Return a filter for a process that only computes: without ``calls``, more processes and
    threads."""
    parts = [
        *_start(),
        *(_for_call(number, _refuse(errno.EPERM)) for _, number in calls),
        _for_call(CLONE, _refuse(errno.EPERM)),
        _for_call(CLONE3, _refuse(errno.ENOSYS)),
        _instruction(RETURN, RET_ALLOW),
    ]
    return b"".join(parts)


def trace_program(*, clock: bool, listing: bool) -> bytes:
    """Return a second filter, to stop at calls that tell the wall clock or wait for it, or list
    directories.

    The kernel takes the stricter answer of two filters: calls that ``program`` refuses stay
    refused.
    """
    stop, go_on = _instruction(RETURN, RET_TRACE), _instruction(RETURN, RET_ALLOW)
    parts = [_load(OFFSET_NR)]
    if clock:
        parts += [_for_call(number, stop) for number in (GETTIMEOFDAY, TIME)]
        parts.append(_choice(CLOCK_GETTIME, 0, WALL_CLOCKS, RET_TRACE, RET_ALLOW))
        parts += [_absolute_sleep(), _futex_deadline()]
    if listing:
        parts += [_for_call(number, stop) for number in (GETDENTS, GETDENTS64)]
    return b"".join(parts) + go_on


def _absolute_sleep() -> bytes:
    block = _load_argument(1) + _instruction(JUMP_ANY_BIT, TIMER_ABSTIME, 1, 0)
    block += _instruction(RETURN, RET_ALLOW)
    return _for_call(CLOCK_NANOSLEEP, block + _among(0, WALL_CLOCKS, RET_TRACE, RET_ALLOW))


def _futex_deadline() -> bytes:
    # Without a deadline it is a plain wait, and there are many of them. (A deadline whose address
    # has a lower half of zero is missed.)
    block = _load_argument(3) + _instruction(JUMP_EQUAL, 0, 0, 1) + _instruction(RETURN, RET_ALLOW)
    block += _load_argument(1) + _unless_bits(FUTEX_CLOCK_REALTIME, 1)
    block += _instruction(RETURN, RET_TRACE)
    return _for_call(FUTEX, block + _among(1, FUTEX_LOCK_PI, RET_TRACE, RET_ALLOW))
