"""System calls come out the same by ctypes, by the built-in module, and by a stand-in for it."""

import ctypes
import errno
import importlib
import os
import signal
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from store.system import ctypes_calls, system_call
from tests import static_python

GETPID = {"x86_64": 39, "aarch64": 172}
READ = {"x86_64": 0, "aarch64": 63}
WRITE = {"x86_64": 1, "aarch64": 64}


@pytest.fixture(params=["ctypes", "stand-in", "compiled"])
def way(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> ModuleType:
    """The module ``system_call`` with one way chosen."""
    if request.param != "ctypes":
        monkeypatch.setitem(sys.modules, "_fixpoint_calls", _builtin(request.param, tmp_path))
        monkeypatch.delitem(sys.modules, "store.system.builtin_calls", raising=False)
        chosen = importlib.import_module("store.system.builtin_calls")
        monkeypatch.delitem(sys.modules, "store.system.builtin_calls")
        monkeypatch.setattr(system_call, "_chosen", chosen)
        for name in ("function", "last_error", "keep_memory"):
            monkeypatch.setattr(system_call, name, getattr(chosen, name))
    return system_call


def _builtin(kind: str, folder: Path) -> ModuleType:
    if kind == "stand-in":
        return static_python.stand_in()
    if static_python.compiler() is None:
        pytest.skip("there is no compiler, or there are no headers of Python")
    static_python.compile_module("calls", folder)
    spec = importlib.util.spec_from_file_location("_fixpoint_calls", folder / "_fixpoint_calls.so")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_call_returns_what_the_kernel_says(way: Any) -> None:
    assert way.SystemCall("getpid", "", GETPID)() == os.getpid()
    assert way.SystemCall("getpid", "", GETPID, locked=True)() == os.getpid()


def test_a_failure_names_the_call_and_its_reason(way: Any, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path / "missing")
    with pytest.raises(OSError, match="No such file") as caught:
        way.SystemCall("openat2", "issw", 437)(-100, path, bytes(24), 24)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOENT, "openat2")
    assert way.function(None)(437, -1, b"x", bytes(24), 24) == -1
    assert way.last_error() == errno.EBADF


def test_memory_is_read_and_written_by_the_kernel(way: Any) -> None:
    reading, writing = os.pipe()
    sent, received = way.Memory(b"content"), way.Memory(9)
    assert way.SystemCall("write", "iww", WRITE)(writing, sent.address, 7) == 7
    assert way.SystemCall("read", "iww", READ)(reading, received.address, 9) == 7
    assert received.content == b"content\0\0"
    for fd in (reading, writing):
        os.close(fd)


def test_none_is_the_null_pointer_and_numbers_have_64_bits(way: Any) -> None:
    mask = way.Memory(8)
    number = {"x86_64": 14, "aarch64": 135}
    way.SystemCall("sigprocmask", "isww", number)(signal.SIG_BLOCK, None, mask.address, 8)
    assert mask.address > 0xFFFF_FFFF


def test_freed_memory_may_be_kept(way: Any) -> None:
    way.keep_memory(1 << 20)


def test_ctypes_is_used_where_it_can_be_had() -> None:
    assert system_call._chosen is ctypes_calls
    assert ctypes.CDLL(None)


KERNEL = """
import os, signal, struct, sys
from store.system import kernel, ptrace, system_call

assert system_call._chosen.__name__ == "store.system.builtin_calls"
assert "ctypes" not in [name for name, module in sys.modules.items() if module]
assert kernel.prctl(3) in (0, 1)
before = kernel.mask_signals()
assert signal.pthread_sigmask(signal.SIG_BLOCK, []) >= {signal.SIGINT, signal.SIGTERM}
kernel.mask_signals(before)
assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
try:
    kernel.umount("/missing")
except OSError as error:
    assert error.filename == "umount2"
reading, writing = os.pipe()
child = kernel.clone(0)
if child == 0:
    os.write(writing, b"child")
    os.read(reading, 0)
    signal.pause()
    os._exit(3)
assert os.read(reading, 5) == b"child"
word = b"in memory"
where = system_call.Memory(word)
assert ptrace.read_memory(os.getpid(), where.address, len(word)) == word
ptrace.write_memory(os.getpid(), where.address, b"IN")
assert where.content == b"IN memory"
registers = ptrace.Registers()
registers.orig_rax = -1
registers.rdi = 5
assert registers.memory.content[15 * 8 : 16 * 8] == b"\\xff" * 8
assert registers.values[14] == registers.rdi == 5
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
a, b = sys.argv[1:]
kernel.exchange(a, b)
assert open(a).read() == "b"
with open(a) as stream:
    kernel.syncfs(stream.fileno())
child = os.fork()
if child == 0:
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    try:
        kernel.landlock(["/usr"])
        open(a)
    except OSError as error:
        os._exit(error.errno)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_the_engines_calls_work_without_ctypes(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    two.write_text("b")
    ran = static_python.run(tmp_path, KERNEL, str(one), str(two))
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) in (errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP)
