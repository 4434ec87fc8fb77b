"""The system calls that load another kernel, and start it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.system import kexec


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """The arguments of each load, with the bytes of the files in the place of descriptors."""
    found = list[tuple[object, ...]]()

    def load(kernel: int, initramfs: int, *rest: object) -> None:
        files = [os.read(fd, 100) if fd >= 0 else None for fd in (kernel, initramfs)]
        found.append((*files, *rest))

    monkeypatch.setattr(kexec, "_kexec_file_load", load)
    return found


def test_a_kernel_is_loaded_with_its_words(tmp_path: Path, loads: list[tuple[object, ...]]) -> None:
    (tmp_path / "bzImage").write_bytes(b"kernel")
    (tmp_path / "initrd").write_bytes(b"initramfs")
    before = len(os.listdir("/proc/self/fd"))
    kexec.load_kernel(f"{tmp_path}/bzImage", None, "quiet")
    kexec.load_kernel(f"{tmp_path}/bzImage", f"{tmp_path}/initrd", "root=/dev/vda")
    assert loads == [
        (b"kernel", None, 6, b"quiet\0", kexec.KEXEC_FILE_NO_INITRAMFS),
        (b"kernel", b"initramfs", 14, b"root=/dev/vda\0", 0),
    ]
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_missing_file_is_an_error_before_anything_is_loaded(
    tmp_path: Path, loads: list[tuple[object, ...]]
) -> None:
    (tmp_path / "bzImage").touch()
    with pytest.raises(FileNotFoundError):
        kexec.load_kernel(f"{tmp_path}/bzImage", f"{tmp_path}/initrd", "")
    assert loads == []


def test_a_loaded_kernel_is_freed_or_started(
    loads: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    kexec.unload_kernel()
    assert loads == [(None, None, 0, None, kexec.KEXEC_FILE_UNLOAD)]
    calls = list[tuple[object, ...]]()
    monkeypatch.setattr(kexec, "_reboot", lambda *words: calls.append(words))
    kexec.start_loaded()
    assert calls == [(0xFEE1_DEAD, 672274793, 0x4558_4543, 0)]
