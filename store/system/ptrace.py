"""Tracing other processes: ptrace(2), its numbers, and reading and writing their memory.

As in ``kernel``, each function is one call, and a failure is an ``OSError`` that names it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from ctypes import c_char_p, c_long, c_ulong, c_void_p
from typing import Final

from store.system.kernel import MACHINE, SystemCall

PTRACE_CONT: Final = 7
PTRACE_DETACH: Final = 17
PTRACE_SYSCALL: Final = 24
PTRACE_LISTEN: Final = 0x4208
PTRACE_O_TRACESYSGOOD: Final = 0x1
PTRACE_O_TRACEFORK: Final = 0x2
PTRACE_O_TRACEVFORK: Final = 0x4
PTRACE_O_TRACECLONE: Final = 0x8
PTRACE_O_TRACEEXEC: Final = 0x10
PTRACE_O_TRACESECCOMP: Final = 0x80
PTRACE_O_EXITKILL: Final = 0x10_0000
PTRACE_EVENT_EXEC: Final = 4
PTRACE_EVENT_SECCOMP: Final = 7
PTRACE_EVENT_STOP: Final = 128
WALL: Final = 0x4000_0000  # wait for threads, too

_NR_PTRACE: Final = {"x86_64": 101, "aarch64": 117}
_NR_VM_READ: Final = {"x86_64": 310, "aarch64": 270}
_NR_VM_WRITE: Final = {"x86_64": 311, "aarch64": 271}
_ptrace = SystemCall(
    "ptrace", c_long, c_long, c_void_p, c_void_p, number=_NR_PTRACE.get(MACHINE, -1)
)
_VM_ARGUMENTS: Final = (c_long, c_char_p, c_ulong, c_char_p, c_ulong, c_ulong)
_vm_read = SystemCall("process_vm_readv", *_VM_ARGUMENTS, number=_NR_VM_READ.get(MACHINE, -1))
_vm_write = SystemCall("process_vm_writev", *_VM_ARGUMENTS, number=_NR_VM_WRITE.get(MACHINE, -1))

_REGISTERS: Final = """
    r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss
    fs_base gs_base ds es fs gs
"""


_WORD: Final = (1 << 64) - 1


class Registers(ctypes.Structure):
    """``struct user_regs_struct`` of x86_64; its numbers are signed here."""

    _fields_ = tuple((name, c_long) for name in _REGISTERS.split())
    rdi: int
    rsi: int
    rdx: int
    r10: int
    rsp: int
    rax: int
    """The return value of a system call."""
    orig_rax: int
    """The number of the system call; -1 leaves it out."""


def seize(pid: int, options: int) -> None:
    """Become the tracer of a process, with ``PTRACE_O_*``; it runs on."""
    _ptrace(0x4206, pid, None, options)


def resume(thread: int, how: int, signal_number: int = 0) -> None:
    """Let a traced thread go on by ``PTRACE_CONT``, ``PTRACE_SYSCALL`` or ``PTRACE_LISTEN``."""
    _ptrace(how, thread, None, signal_number)


def detach(thread: int, signal_number: int = 0) -> None:
    """Let go of a traced thread that has stopped, for good."""
    _ptrace(PTRACE_DETACH, thread, None, signal_number)


def registers(thread: int) -> Registers:
    """Return the registers of a traced thread that has stopped."""
    found = Registers()
    _ptrace(12, thread, None, ctypes.addressof(found))
    return found


def set_registers(thread: int, values: Registers) -> None:
    """Give a traced thread that has stopped other registers."""
    _ptrace(13, thread, None, ctypes.addressof(values))


def read_memory(pid: int, address: int, size: int) -> bytes:
    """Return up to ``size`` bytes of another process's memory, fewer where a page is not there."""
    buffer = ctypes.create_string_buffer(size)
    here = struct.pack("=QQ", ctypes.addressof(buffer), size)
    count = _vm_read(pid, here, 1, struct.pack("=QQ", address & _WORD, size), 1, 0)
    return buffer.raw[:count]


def write_memory(pid: int, address: int, content: bytes) -> None:
    """Write to another process's memory, where that process itself could."""
    buffer = ctypes.create_string_buffer(content, len(content))
    here = struct.pack("=QQ", ctypes.addressof(buffer), len(content))
    there = struct.pack("=QQ", address & _WORD, len(content))
    if _vm_write(pid, here, 1, there, 1, 0) != len(content):
        raise OSError(errno.EFAULT, os.strerror(errno.EFAULT), "process_vm_writev")
