"""The filter, run on a machine of our own, refuses what its tables say and nothing else."""

from __future__ import annotations

import errno
import struct

import pytest

from store.sandbox import seccomp

ALLOW = "allowed"
X86_64 = seccomp.AUDIT_ARCH_X86_64


STOPPED = "stopped"


def run(
    number: int, *arguments: int, arch: int = X86_64, program: bytes = seccomp.program()
) -> str:
    """Return the filter's answer: an error's name, ``allowed``, or ``stopped`` for the tracer."""
    padded = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<iIQ6Q", number, arch, 0, *(a & (1 << 64) - 1 for a in padded))
    code = list(struct.iter_unpack("<HBBI", program))
    position = accumulator = 0
    while True:
        operation, then, otherwise, value = code[position]
        position += 1
        if operation == seccomp.RETURN:
            named = {seccomp.RET_ALLOW: ALLOW, seccomp.RET_TRACE: STOPPED}
            return named[value] if value in named else errno.errorcode[value & 0xFFFF]
        if operation == seccomp.LOAD:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif operation == seccomp.AND:
            accumulator &= value
        else:
            truth = {
                seccomp.JUMP_EQUAL: accumulator == value,
                seccomp.JUMP_AT_LEAST: accumulator >= value,
                seccomp.JUMP_ANY_BIT: bool(accumulator & value),
            }[operation]
            position += then if truth else otherwise


def test_the_program_fits_the_kernel_and_every_path_through_it_ends() -> None:
    code = list(struct.iter_unpack("<HBBI", seccomp.program()))
    assert len(code) <= 4096
    for position, (operation, then, otherwise, _) in enumerate(code):
        if operation not in (seccomp.LOAD, seccomp.AND, seccomp.RETURN):
            assert position + 1 + max(then, otherwise) < len(code)
    assert code[-1][0] == seccomp.RETURN


def test_every_refusal_of_the_tables_is_made() -> None:
    for refusal in seccomp.REFUSALS:
        for _, number in refusal.calls:
            assert run(number) == errno.errorcode[refusal.code]


def test_no_call_is_ruled_on_twice() -> None:
    numbers = [number for refusal in seccomp.REFUSALS for _, number in refusal.calls]
    numbers += [rule.call[1] for rule in seccomp.BIT_RULES]
    numbers += [number for _, number in seccomp.SOCKET_CALLS]
    numbers += [rule.call[1] for rule in seccomp.REQUEST_RULES]
    assert len(numbers) == len(set(numbers))


def test_calls_that_no_table_names_pass() -> None:
    # read, write, mmap, execve, ptrace, personality, sched_getaffinity, landlock, a future one
    for number in (0, 1, 9, 59, 101, 135, 204, 444, 999):
        assert run(number, 0o6777, 0o6777, 0o6777, 0o6777) == ALLOW


@pytest.mark.parametrize("bits", [0o4755, 0o2755, 0o6000])
def test_modes_with_set_id_bits_are_refused(bits: int) -> None:
    assert run(90, 0, bits) == run(91, 3, bits) == run(268, 0, 0, bits) == "EPERM"
    assert run(452, 0, 0, bits) == run(85, 0, bits) == run(133, 0, bits) == "EPERM"
    assert run(259, 0, 0, bits) == "EPERM"


def test_other_modes_pass() -> None:
    assert run(90, 0, 0o1777) == run(91, 3, 0o755) == run(268, 0, 0, 0) == ALLOW


def test_the_mode_of_open_counts_only_when_it_creates() -> None:
    create, temporary = 0o100, 0o20200000
    for flags in (create | 2, temporary | 2):
        assert run(2, 0, flags, 0o4755) == run(257, 0, 0, flags, 0o4755) == "EPERM"
        assert run(2, 0, flags, 0o755) == run(257, 0, 0, flags, 0o755) == ALLOW
    directory = 0o200000  # part of O_TMPFILE's value, and not of its meaning
    assert run(2, 0, directory, 0o4755) == run(257, 0, 0, 0, 0o4755) == ALLOW


def test_upper_halves_of_registers_hide_nothing_and_matter_nothing() -> None:
    high = 1 << 40
    assert run(90, 0, high | 0o4755) == "EPERM"
    assert run(41, high | 40) == "EAFNOSUPPORT"
    assert run(90, 0, high | 0o755) == ALLOW


def test_clone_makes_threads_and_processes_and_no_namespaces() -> None:
    thread, process = 0x3D0F00, 0x1200011
    assert run(56, thread) == run(56, process) == run(56, 0x4111) == ALLOW
    for bit in (17, 25, 26, 27, 28, 29, 30):
        assert run(56, 1 << bit | 17) == run(272, 1 << bit) == "EPERM"
    assert run(272, 0x80) == "EPERM"
    assert run(272, 0x600) == ALLOW


def test_sockets_are_of_namespaced_families() -> None:
    for family in range(64):
        expected = ALLOW if family in seccomp.SOCKET_FAMILIES else "EAFNOSUPPORT"
        assert run(41, family, 1, 0) == run(53, family, 1, 0) == expected


def test_nothing_is_typed_on_a_terminal() -> None:
    assert run(16, 0, 0x5412) == run(16, 0, 0x541C) == "EPERM"
    assert run(16, 0, 0x5401) == run(16, 0, 0x5413) == ALLOW


@pytest.mark.parametrize(
    "request_number",
    [
        0x5000_9401,  # BTRFS_IOC_SNAP_CREATE
        0x5000_940E,  # BTRFS_IOC_SUBVOL_CREATE
        0x5000_9417,  # BTRFS_IOC_SNAP_CREATE_V2
        0x5000_9418,  # BTRFS_IOC_SUBVOL_CREATE_V2
        0x4008_941A,  # BTRFS_IOC_SUBVOL_SETFLAGS
        0x4020_BC10,  # BCH_IOCTL_SUBVOLUME_CREATE
    ],
)
def test_no_snapshot_of_a_disk_is_made(request_number: int) -> None:
    assert run(16, 4, request_number) == "ENOTTY"
    assert run(16, 4, 0xABCD << 32 | request_number) == "ENOTTY", "the kernel drops the upper half"


def test_files_may_share_their_blocks_and_flags_be_asked_for() -> None:
    for number in (0x4004_9409, 0x4020_940D, 0xC018_9436, 0x8008_6601, 0x801C_581F, 0x541B):
        assert run(16, 4, number) == ALLOW


def test_no_lease_on_a_file_can_be_had() -> None:
    assert run(72, 3, 1024, 1) == run(72, 3, 1040) == "EINVAL"
    for command in (0, 1, 2, 3, 4, 5, 6, 7, 1025, 1030, 1031, 1033):
        assert run(72, 3, command) == ALLOW


def test_other_architectures_have_no_calls() -> None:
    assert run(20, arch=0x4000_0003) == "ENOSYS"
    assert run(0x4000_0000 | 39) == run(0x4000_0000) == run(-1) == "ENOSYS"


def trace(number: int, *arguments: int, clock: bool = True, listing: bool = True) -> str:
    """Return what the tracer's filter answers."""
    program = seccomp.trace_program(clock=clock, listing=listing)
    return run(number, *arguments, program=program)


def test_what_tells_the_wall_clock_stops_and_other_clocks_do_not() -> None:
    for clock in range(12):
        wall = clock in (0, 5, 8, 11)
        assert trace(228, clock, 0x7000) == (STOPPED if wall else ALLOW)
    assert trace(96) == trace(201) == STOPPED


def test_waits_for_a_moment_of_the_wall_clock_stop_and_other_waits_do_not() -> None:
    monotonic, wall, relative, absolute = 1, 0, 0, 1
    assert trace(230, wall, absolute) == STOPPED
    assert trace(230, wall, relative) == trace(230, monotonic, absolute) == ALLOW
    private, on_wall_clock, deadline = 128, 256, 0x7000
    for wait in (0, 9):
        assert trace(202, 1, wait | private, 0, deadline) == ALLOW
        assert trace(202, 1, wait | private | on_wall_clock, 0, deadline) == STOPPED
        assert trace(202, 1, wait | private | on_wall_clock, 0, 0) == ALLOW
    assert trace(202, 1, 6, 0, deadline) == trace(202, 1, 6 | private, 0, deadline) == STOPPED
    assert trace(202, 1, 7, 0, deadline) == ALLOW


def test_a_tracer_stops_at_what_it_is_for_and_at_nothing_else() -> None:
    assert trace(217) == trace(78) == STOPPED
    assert trace(217, clock=True, listing=False) == trace(228, clock=False) == ALLOW
    for number in set(range(500)) - {78, 96, 201, 202, 217, 228, 230}:
        assert trace(number, 0, 0xFFFF, 0, 0xFFFF) == ALLOW
