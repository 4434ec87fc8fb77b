"""Starting another kernel from the running one, without the firmware in between."""

from __future__ import annotations

import contextlib
import os
from typing import Final

from store.system.system_call import SystemCall

# <linux/kexec.h>, <linux/reboot.h>
KEXEC_FILE_UNLOAD: Final = 0x1
KEXEC_FILE_NO_INITRAMFS: Final = 0x4
REBOOT_MAGIC: Final = (0xFEE1_DEAD, 672274793)
REBOOT_CMD_KEXEC: Final = 0x4558_4543

_kexec_file_load = SystemCall("kexec_file_load", "iiwsw", {"x86_64": 320, "aarch64": 294})
_reboot = SystemCall("reboot", "uuuw", {"x86_64": 169, "aarch64": 142})


def load_kernel(kernel: str, initramfs: str | None, words: str) -> None:
    """Load a kernel's file into memory, with a command line of these words, and its initramfs if it
    needs one. :func:`start_loaded` starts it. One that was loaded before is replaced.

    OSError where a file cannot be read, or the running kernel starts no other (ENOSYS), not for
    this process (EPERM), or not this one.
    """
    line = os.fsencode(words) + b"\0"
    with contextlib.ExitStack() as opened:
        files = []
        for path in (kernel, initramfs):
            if path is not None:
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                opened.callback(os.close, fd)
                files.append(fd)
        if initramfs is None:
            _kexec_file_load(files[0], -1, len(line), line, KEXEC_FILE_NO_INITRAMFS)
        else:
            _kexec_file_load(*files, len(line), line, 0)


def unload_kernel() -> None:
    """Free the memory of a loaded kernel, if there is one."""
    _kexec_file_load(-1, -1, 0, None, KEXEC_FILE_UNLOAD)


def start_loaded() -> None:
    """Start the loaded kernel at once: no process is ended in order, and nothing is written to
    disks. Returns only with an OSError: EINVAL where none is loaded."""
    _reboot(*REBOOT_MAGIC, REBOOT_CMD_KEXEC, 0)
