"""The kernels of systems: which one runs, and whether it can start another one."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from store.activation import kernels
from store.activation.kernels import Kernel, kernel_of, refusal, running_kernel, start, words_for
from store.errors import StorageError, UnknownObject

NAME = "/store/abc-linux-6/boot/bzImage"


class Loader:
    """Stands in for the kernel: loading may fail with a code, and all calls are noted."""

    def __init__(self, code: int = 0) -> None:
        self._code = code
        self.calls: list[tuple[object, ...]] = []

    def load(self, kernel: str, initramfs: str | None, words: str) -> None:
        self.calls.append((kernel, initramfs, words))
        if self._code:
            raise OSError(self._code, os.strerror(self._code), "kexec_file_load")

    def unload(self) -> None:
        self.calls.append(("unload",))

    def start(self) -> None:
        self.calls.append(("start",))


def loader(monkeypatch: pytest.MonkeyPatch, code: int = 0) -> Loader:
    made = Loader(code)
    monkeypatch.setattr(kernels, "load_kernel", made.load)
    monkeypatch.setattr(kernels, "unload_kernel", made.unload)
    monkeypatch.setattr(kernels, "start_loaded", made.start)
    return made


@pytest.fixture
def words(tmp_path: Path) -> str:
    """The file with the words of the running kernel."""
    path = tmp_path / "cmdline"
    path.write_text("root=/dev/vda1 ro quiet fixpoint.kernel=/store/old fixpoint.generation=1\n")
    return str(path)


def planted(root: Path, *names: str) -> None:
    folder = root / "store/abc-linux-6/boot"
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()


def tree(path: Path, name: str = NAME) -> str:
    (path / "boot").mkdir(parents=True)
    (path / "boot/bzImage").symlink_to(name)
    return str(path)


def test_a_kernel_is_found_in_the_store_or_in_the_image(tmp_path: Path) -> None:
    roots = (str(tmp_path / "var"), str(tmp_path / "image"))
    system = tree(tmp_path / "system")
    with pytest.raises(UnknownObject, match="abc-linux-6/boot/bzImage' is missing"):
        kernel_of(system, roots)
    planted(tmp_path / "image", "bzImage", "initramfs")
    found = kernel_of(system, roots)
    assert found.name == NAME
    assert found.file == f"{roots[1]}{NAME}"
    assert found.initramfs == f"{roots[1]}/store/abc-linux-6/boot/initramfs"
    assert found.package == "/store/abc-linux-6"
    planted(tmp_path / "var", "bzImage")
    assert kernel_of(system, roots) == Kernel(NAME, f"{roots[0]}{NAME}", None)


def test_a_system_without_a_kernel_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot find the system's kernel"):
        kernel_of(str(tmp_path))


def test_the_running_kernel_is_the_noted_one_or_the_image_s(tmp_path: Path) -> None:
    image = tree(tmp_path / "image")
    planted(tmp_path / "image", "bzImage")
    assert running_kernel(str(tmp_path), image) == NAME
    (tmp_path / "kernel").write_text("/store/new/boot/bzImage\n")
    assert running_kernel(str(tmp_path), image) == "/store/new/boot/bzImage"


def test_the_next_kernel_has_the_root_of_this_one_and_a_generation() -> None:
    words = words_for(Kernel(NAME, "", None), 3, "root=/dev/vda1 ro fixpoint.generation=1\n")
    assert words == (
        f"root=/dev/vda1 ro fixpoint.kernel={NAME} fixpoint.generation=3 fixpoint.counted"
    )


def test_a_kernel_that_can_start_is_not_left_loaded(
    monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    made = loader(monkeypatch)
    assert refusal(Kernel(NAME, "/k", "/i"), words) is None
    assert [call[:2] for call in made.calls] == [("/k", "/i"), ("unload",)]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (errno.ENOSYS, "the running kernel was made without KEXEC_FILE"),
        (errno.EPERM, "the running kernel forbids it"),
        (errno.ENOEXEC, "Exec format error"),
    ],
)
def test_a_refusal_is_in_words(
    monkeypatch: pytest.MonkeyPatch, words: str, code: int, why: str
) -> None:
    made = loader(monkeypatch, code)
    assert refusal(Kernel(NAME, "/k", None), words) == why
    with pytest.raises(StorageError, match=f"cannot start the kernel .*{why}"):
        start(Kernel(NAME, "/k", None), 3, words)
    assert ("start",) not in made.calls


def test_a_kernel_is_started_for_a_generation(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    made = loader(monkeypatch)
    start(Kernel(NAME, "/k", None), 7, words)
    assert "fixpoint.generation=7" in str(made.calls[0][2])
    assert made.calls[-1] == ("start",)


def test_words_of_any_bytes_are_handed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "words").write_bytes(b"root=/dev/vda1 label=\xff\n")
    made = loader(monkeypatch)
    assert refusal(Kernel(NAME, "/k", None), str(tmp_path / "words")) is None
    words = str(made.calls[0][2])
    assert os.fsencode(words).startswith(b"root=/dev/vda1 label=\xff fixpoint.kernel=")


@pytest.mark.skipif(os.geteuid() == 0, reason="root could load one")
def test_whoever_is_not_root_is_refused(tmp_path: Path, words: str) -> None:
    (tmp_path / "k").touch()
    why = refusal(Kernel(NAME, str(tmp_path / "k"), None), words)
    assert why in (
        "the running kernel forbids it",
        "the running kernel was made without KEXEC_FILE",
    )
