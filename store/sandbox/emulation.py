"""Changed answers of system calls that read the wall clock or list a directory, for a traced
builder.

There are three ways with a call that the filter stops at. One that reads the time is answered here
and left out. One that waits for a moment of the clock is given that moment in the kernel's time.
One that lists a directory is let through, and its answer is changed.

Memory of the builder that cannot be read or written is an ``OSError`` from any of these. The call
is then the kernel's alone: it finds the same fault, or gives the true answer where only we are shut
out (of a program whose file may not be read).
"""

from __future__ import annotations

import errno
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from store.sandbox import seccomp
from store.sandbox.emulated_clock import SECOND, Clock, ClockAhead, StoppedClock
from store.sandbox.listing import reorder
from store.sandbox.request import BuildRequest, Listing
from store.system import ptrace

TIMESPEC: Final = struct.Struct("=qq")
LATEST: Final = 1 << 33
"""Seconds: in 2242. The kernel's own clock ends in 2262."""
LARGEST: Final = 64 << 20
"""Bytes of a listing that are put into another order: a builder's buffer can be of any size."""
BELOW_STACK: Final = 512  # below the 128 bytes that a function may use without asking
AT_NULL: Final = 0
AT_IGNORE: Final = 1
AT_SYSINFO_EHDR: Final = 33

Afterwards = Callable[[], None]
"""The work to do when the call has returned and its thread has stopped again."""


@dataclass(frozen=True)
class Pretence:
    """``clock`` is None for the kernel's."""

    clock: Clock | None
    listing: Listing

    def program(self) -> bytes:
        """Return the filter that makes threads stop where they have to."""
        return seccomp.trace_program(clock=self.clock is not None, listing=self.listing != "kernel")

    def enter(self, thread: int) -> Afterwards | None:
        """Handle a thread that has stopped before a call that the filter names."""
        registers = ptrace.registers(thread)
        number = registers.orig_rax
        if number in (seccomp.GETDENTS, seccomp.GETDENTS64):
            return lambda: self._list(thread)
        if number in (seccomp.FUTEX, seccomp.CLOCK_NANOSLEEP):
            return self._wait(thread, registers)
        self._tell(thread, registers)
        return None

    def started(self, process: int) -> None:
        """Handle a process that has stopped in a new program, before its first instruction."""
        if self.clock is not None:
            hide_vdso(process)

    def ended(self, thread: int) -> None:
        """Forget a thread that has ended."""
        if self.clock is not None:
            self.clock.forget(thread)

    def _now(self, thread: int, which: int = time.CLOCK_REALTIME) -> int:
        assert self.clock is not None
        return self.clock.tell(thread, time.clock_gettime_ns(which))

    def _tell(self, thread: int, registers: ptrace.Registers) -> None:
        """Answer in the kernel's place."""
        result = 0
        if registers.orig_rax == seccomp.CLOCK_GETTIME:
            which = registers.rdi & 0xFFFF_FFFF
            answer = TIMESPEC.pack(*divmod(self._now(thread, which), SECOND))
            ptrace.write_memory(thread, registers.rsi, answer)
        elif registers.orig_rax == seccomp.GETTIMEOFDAY:
            if registers.rdi:
                answer = TIMESPEC.pack(*divmod(self._now(thread) // 1000, 1_000_000))
                ptrace.write_memory(thread, registers.rdi, answer)
            if registers.rsi:
                ptrace.write_memory(thread, registers.rsi, bytes(8))  # the time zone: none
        else:
            result = self._now(thread) // SECOND
            if registers.rdi:
                ptrace.write_memory(thread, registers.rdi, struct.pack("=q", result))
        registers.orig_rax = -1
        registers.rax = result
        ptrace.set_registers(thread, registers)

    def _wait(self, thread: int, registers: ptrace.Registers) -> Afterwards | None:
        """Let the call see another deadline, which lies below the thread's stack."""
        assert self.clock is not None
        register = "r10" if registers.orig_rax == seccomp.FUTEX else "rdx"
        address = getattr(registers, register)
        seconds, nanoseconds = TIMESPEC.unpack(ptrace.read_memory(thread, address, TIMESPEC.size))
        if not 0 <= seconds < LATEST or not 0 <= nanoseconds < SECOND:
            return None  # never, or not a time at all
        told = seconds * SECOND + nanoseconds
        actual = time.clock_gettime_ns(time.CLOCK_REALTIME)
        deadline = max(0, self.clock.deadline(thread, told, actual))
        place = registers.rsp - BELOW_STACK & ~15
        ptrace.write_memory(thread, place, TIMESPEC.pack(*divmod(deadline, SECOND)))
        setattr(registers, register, place)
        ptrace.set_registers(thread, registers)
        return lambda: self._waited(thread, register, address, told)

    def _waited(self, thread: int, register: str, address: int, told: int) -> None:
        assert self.clock is not None
        registers = ptrace.registers(thread)
        over = 0 if registers.orig_rax == seccomp.CLOCK_NANOSLEEP else -errno.ETIMEDOUT
        if registers.rax == over:
            self.clock.reached(thread, told)
        # Calls leave the registers of their arguments as they were, and compilers rely on it.
        setattr(registers, register, address)
        ptrace.set_registers(thread, registers)

    def _list(self, thread: int) -> None:
        registers = ptrace.registers(thread)
        if not 0 < registers.rax <= LARGEST:
            return
        buffer = ptrace.read_memory(thread, registers.rsi, registers.rax)
        wide = registers.orig_rax == seccomp.GETDENTS64
        ptrace.write_memory(thread, registers.rsi, reorder(buffer, self.listing, wide=wide))


def pretend(request: BuildRequest) -> Pretence:
    """Return the emulation for the builder of this request."""
    clock: Clock | None = None
    if request.clock_stopped is not None:
        clock = StoppedClock(request.clock_stopped)
    elif request.clock_ahead:
        clock = ClockAhead(request.clock_ahead)
    return Pretence(clock, request.listing)


def hide_vdso(process: int) -> None:
    """Let a new program not find the kernel's code that tells the time without a system call.

    The kernel puts a vector behind arguments and environment on the stack (getauxval(3)). The C
    libraries and Go take the address from it, and make system calls if there is none.
    """
    words = _Words(process, ptrace.registers(process).rsp)
    words.skip(1)
    words.skip_behind(0)  # arguments
    words.skip_behind(0)  # environment
    while (kind := words.next()) != AT_NULL:
        if kind == AT_SYSINFO_EHDR:
            ptrace.write_memory(process, words.address - 8, struct.pack("=Q", AT_IGNORE))
            return
        words.skip(1)


class _Words:
    """Reads a process's memory upwards, word by word."""

    PIECE: Final = 4096

    def __init__(self, process: int, address: int) -> None:
        self.address = address
        """Of the word that comes next."""
        self._process = process
        self._start = address
        self._words: tuple[int, ...] = ()

    def next(self) -> int:
        """Return one word."""
        place = (self.address - self._start) // 8
        if place >= len(self._words):
            self._start, place = self.address, 0
            piece = ptrace.read_memory(self._process, self.address, self.PIECE)
            if len(piece) < 8:
                raise OSError(errno.EFAULT, "the stack ends")
            self._words = struct.unpack_from(f"={len(piece) // 8}Q", piece)
        self.address += 8
        return self._words[place]

    def skip(self, count: int) -> None:
        """Pass over words."""
        self.address += 8 * count

    def skip_behind(self, value: int) -> None:
        """Pass over words up to the first of this value, and over that."""
        while self.next() != value:
            pass
