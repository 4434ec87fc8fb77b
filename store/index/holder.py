"""Which process holds a lease, and whether it still lives."""

from __future__ import annotations

import os

from store.index.schema import LeaseRecord

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


def myself() -> LeaseRecord:
    """Return a lease of this process, with nothing held yet."""
    pid = os.getpid()
    return LeaseRecord(pid, process_start(pid), boot_id(), pid_namespace())


def alive(lease: LeaseRecord) -> bool:
    """Return whether the process may still run. One in another pid namespace is alive until next
    boot: its id means nothing here."""
    if lease.boot != boot_id():
        return False
    if lease.space != pid_namespace():
        return True
    return lease.start != 0 and process_start(lease.pid) == lease.start


def process_start(pid: int) -> int:
    """Return clock ticks from boot to the process's start; with the id it names one process. 0 if
    it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            fields = stream.read().rpartition(b")")[2].split()
    except OSError:
        return 0
    # A process that has ended and was not waited for yet uses nothing any more.
    return 0 if len(fields) < 20 or fields[0] in (b"Z", b"X") else int(fields[19])


def boot_id() -> str:
    """Return another one after each boot of the machine; empty where it cannot be read."""
    try:
        with open(_BOOT_ID, encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def pid_namespace() -> int:
    """Return the namespace in which this process's ids count; 0 where it cannot be read."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0
