"""The kernels of systems: which one runs, and starting another one in its place.

The machine is given its first kernel from outside, with a disk that cannot be written to. A
generation with another kernel is started by the one that runs, when that ends or as soon as process
1 chose the generation.
"""

from __future__ import annotations

import errno
import os
from typing import Final, NamedTuple

from store.activation.running import IMAGE, KERNEL, ROOT, STATE
from store.display import quoted, reason
from store.errors import StorageError, UnknownObject, storage_error
from store.system.kexec import load_kernel, start_loaded, unload_kernel

INITRAMFS: Final = "initramfs"
"""Beside a kernel that needs one: ours does not."""

WORD: Final = "fixpoint."
"""The beginning of the kernel's words that process 1 heeds: ``fixpoint.kernel=PATH``, the name of
the kernel itself; ``fixpoint.generation=N``, the generation to choose; ``fixpoint.counted``, which
says that this start is one of the generation's tries already."""

WORDS: Final = "/proc/cmdline"

_REASONS: Final = {
    errno.ENOSYS: "the running kernel was made without KEXEC_FILE",
    errno.EPERM: "the running kernel forbids it",
}


class Kernel(NamedTuple):
    """A system's kernel: its ``name``, a path in /store, and where its files are on the machine."""

    name: str
    file: str
    initramfs: str | None

    @property
    def package(self) -> str:
        """The path of its package, such as /store/…-linux-6.12.107."""
        return self.name.removesuffix(f"/{KERNEL}")


def kernel_of(tree: str, roots: tuple[str, ...] = (ROOT, IMAGE)) -> Kernel:
    """Return the kernel of the system with this tree, whose files are below one of the ``roots``.
    Raises UnknownObject when they are missing, and StorageError."""
    try:
        name = os.readlink(f"{tree}/{KERNEL}")
    except OSError as error:
        raise storage_error(error, "cannot find the system's kernel") from error
    for root in roots:
        file = f"{root}{name}"
        if os.path.isfile(file):
            beside = f"{os.path.dirname(file)}/{INITRAMFS}"
            return Kernel(name, file, beside if os.path.isfile(beside) else None)
    raise UnknownObject(f"the system's kernel {quoted(name)} is missing")


def running_kernel(state: str = STATE, image: str = IMAGE) -> str:
    """Return the name of the running kernel, as process 1 noted it; else that of the image, which
    the machine is given. Raises StorageError."""
    try:
        with open(f"{state}/kernel") as stream:
            return stream.read(4096).strip()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise storage_error(error, "cannot find the running kernel") from error
    return kernel_of(image, (image,)).name


def words_for(kernel: Kernel, generation: int, given: str) -> str:
    """Return the words for a kernel that starts a generation: those ``given`` to the running one,
    but for process 1's own."""
    kept = [word for word in given.split() if not word.startswith(WORD)]
    own = (f"kernel={kernel.name}", f"generation={generation}", "counted")
    return " ".join((*kept, *(WORD + each for each in own)))


def refusal(kernel: Kernel, words: str = WORDS) -> str | None:
    """Return why the running kernel cannot start another one, or None if it can: it is tried, but
    for the start itself. ``words`` is the file with those of the running kernel."""
    try:
        _load(kernel, 0, words)
        unload_kernel()
    except OSError as error:
        return _REASONS.get(error.errno or 0) or reason(error)
    return None


def start(kernel: Kernel, generation: int, words: str = WORDS) -> None:
    """Start a kernel in the place of the running one, at once: nothing ends in order. Returns only
    by raising StorageError."""
    try:
        _load(kernel, generation, words)
        start_loaded()
    except OSError as error:
        why = _REASONS.get(error.errno or 0) or reason(error)
        raise StorageError(f"cannot start the kernel {quoted(kernel.name)}: {why}") from error


def _load(kernel: Kernel, generation: int, words: str) -> None:
    with open(words, errors="surrogateescape") as stream:  # a boot loader's words are any bytes
        given = stream.read()
    load_kernel(kernel.file, kernel.initramfs, words_for(kernel, generation, given))
