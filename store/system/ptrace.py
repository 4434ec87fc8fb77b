"""Tracing other processes: ptrace(2), its numbers, and reading and writing their memory.

As in ``kernel``, each function is one call, and a failure is an ``OSError`` that names it.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import Final

from store.system.system_call import Memory, SystemCall

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

_ptrace = SystemCall("ptrace", "llww", {"x86_64": 101, "aarch64": 117})
_vm_read = SystemCall("process_vm_readv", "lswsww", {"x86_64": 310, "aarch64": 270})
_vm_write = SystemCall("process_vm_writev", "lswsww", {"x86_64": 311, "aarch64": 271})

_REGISTERS: Final = """
    r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss
    fs_base gs_base ds es fs gs
""".split()  # noqa: SIM905 - as a list it takes many lines


_WORD: Final = (1 << 64) - 1


def _register(name: str, doc: str = "") -> property:
    place = _REGISTERS.index(name)

    def value(self: Registers) -> int:
        return self.values[place]

    def change(self: Registers, value: int) -> None:
        self.values[place] = value

    return property(value, change, doc=doc)


class Registers:
    """``struct user_regs_struct`` of x86_64; its numbers are signed here."""

    def __init__(self) -> None:
        self.memory = Memory(8 * len(_REGISTERS))
        self.values = memoryview(self.memory.content).cast("q")

    rdi = _register("rdi")
    rsi = _register("rsi")
    rdx = _register("rdx")
    r10 = _register("r10")
    rsp = _register("rsp")
    rax = _register("rax", "The return value of a system call.")
    orig_rax = _register("orig_rax", "The number of the system call; -1 leaves it out.")


def seize(pid: int, options: int) -> None:
    """Become the tracer of a process, with ``PTRACE_O_*``; it runs on."""
    _ptrace(0x4206, pid, 0, options)


def resume(thread: int, how: int, signal_number: int = 0) -> None:
    """Let a traced thread go on by ``PTRACE_CONT``, ``PTRACE_SYSCALL`` or ``PTRACE_LISTEN``."""
    _ptrace(how, thread, 0, signal_number)


def detach(thread: int, signal_number: int = 0) -> None:
    """Let go of a traced thread that has stopped, for good."""
    _ptrace(PTRACE_DETACH, thread, 0, signal_number)


def registers(thread: int) -> Registers:
    """Return the registers of a traced thread that has stopped."""
    found = Registers()
    _ptrace(12, thread, 0, found.memory.address)
    return found


def set_registers(thread: int, values: Registers) -> None:
    """Give a traced thread that has stopped other registers."""
    _ptrace(13, thread, 0, values.memory.address)


def read_memory(pid: int, address: int, size: int) -> bytes:
    """Return up to ``size`` bytes of another process's memory, fewer where a page is not there."""
    buffer = Memory(size)
    here = struct.pack("=QQ", buffer.address, size)
    count = _vm_read(pid, here, 1, struct.pack("=QQ", address & _WORD, size), 1, 0)
    return bytes(buffer.content[:count])


def write_memory(pid: int, address: int, content: bytes) -> None:
    """Write to another process's memory, where that process itself could."""
    buffer = Memory(content)
    here = struct.pack("=QQ", buffer.address, len(content))
    there = struct.pack("=QQ", address & _WORD, len(content))
    if _vm_write(pid, here, 1, there, 1, 0) != len(content):
        raise OSError(errno.EFAULT, os.strerror(errno.EFAULT), "process_vm_writev")
