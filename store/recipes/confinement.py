"""The kernel's confinement of the process that runs recipes, whatever its code does.

``store.recipes.purity`` names the line of a recipe that asked for something; this holds against
code that gets round Python. It is used as far as the kernel has it: Landlock is in Linux 5.13 and
newer.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from typing import Final

from store.sandbox import seccomp
from store.system import kernel

# Where the dynamic loader finds what modules of Python's own are linked with.
LIBRARIES: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")

REFUSED: Final = (
    # programs and processes
    *(("execve", 59), ("execveat", 322), ("fork", 57), ("vfork", 58), ("ptrace", 101)),
    *(("kill", 62), ("tkill", 200), ("tgkill", 234), ("pidfd_send_signal", 424)),
    *(("pidfd_open", 434), ("pidfd_getfd", 438), ("process_vm_readv", 310)),
    *(("process_vm_writev", 311), ("process_madvise", 440), ("kcmp", 312)),
    *(("setpriority", 141), ("sched_setaffinity", 203), ("prlimit64", 302)),
    # the network, and what else is shared with other processes
    *(("socket", 41), ("socketpair", 53), ("connect", 42), ("bind", 49), ("io_uring_setup", 425)),
    *(("shmget", 29), ("shmat", 30), ("msgget", 68), ("semget", 64), ("mq_open", 240)),
    *(("flock", 73), ("inotify_add_watch", 254), ("fanotify_init", 300)),
    # a file's attributes beside its content, which Landlock leaves alone
    *(("chmod", 90), ("fchmod", 91), ("fchmodat", 268), ("fchmodat2", 452)),
    *(("chown", 92), ("fchown", 93), ("lchown", 94), ("fchownat", 260)),
    *(("utime", 132), ("utimes", 235), ("futimesat", 261), ("utimensat", 280)),
    *(("setxattr", 188), ("lsetxattr", 189), ("fsetxattr", 190), ("setxattrat", 463)),
    *(("removexattr", 197), ("lremovexattr", 198), ("fremovexattr", 199)),
    *(("removexattrat", 466), ("ioctl", 16), ("file_setattr", 469)),
    # chance, and facts that differ from process to process (the time needs no system call)
    *(("times", 100), ("getrusage", 98), ("getrandom", 318), ("sysinfo", 99), ("uname", 63)),
    *(("getpid", 39), ("getppid", 110), ("gettid", 186), ("getsid", 124), ("getpgid", 121)),
    *(("getpgrp", 111), ("getcpu", 309), ("sched_getaffinity", 204), ("getrlimit", 97)),
    *(("getuid", 102), ("geteuid", 107), ("getgid", 104), ("getegid", 108), ("getgroups", 115)),
    *(("getresuid", 118), ("getresgid", 120), ("statfs", 137), ("fstatfs", 138)),
    # the machine
    *(("mount", 165), ("umount2", 166), ("pivot_root", 155), ("chroot", 161), ("unshare", 272)),
    *(("setns", 308), ("open_tree", 428), ("move_mount", 429), ("fsopen", 430)),
    *(("mount_setattr", 442), ("name_to_handle_at", 303), ("open_by_handle_at", 304)),
    *(("bpf", 321), ("perf_event_open", 298), ("userfaultfd", 323), ("add_key", 248)),
    *(("request_key", 249), ("keyctl", 250), ("reboot", 169), ("syslog", 103)),
    *(("settimeofday", 164), ("clock_settime", 227), ("sethostname", 170), ("init_module", 175)),
)
"""System calls, with their numbers on x86_64."""


def confine(readable: Iterable[str]) -> None:
    """Let this thread read below these folders and Python's own libraries, and change nothing.

    Rules that the kernel does not know are left out.
    """
    linked = (*LIBRARIES, os.path.join(sys.base_prefix, "lib"))
    with contextlib.suppress(OSError):
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    with contextlib.suppress(OSError):
        kernel.landlock([*readable, *linked])
    if kernel.machine() == seccomp.MACHINE:
        with contextlib.suppress(OSError):
            kernel.seccomp(seccomp.refusal_program(REFUSED))
