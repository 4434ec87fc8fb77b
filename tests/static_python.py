"""An ordinary Python that lacks what a static one lacks, with our own built-in modules instead.

``site_folder`` makes a folder for ``$PYTHONPATH``. The modules are compiled from their sources
where there is a compiler; the stand-in of :func:`stand_in` does the same by ``ctypes``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

TOP = Path(__file__).resolve().parents[1]
SOURCES = TOP / "derivations" / "python"

MISSING = (
    "ctypes",
    "_ctypes",
    "ssl",
    "_ssl",
    "cryptography",
    "backports",
    "grpc",
    "google",
    "rich",
)
"""Modules that a static Python is without."""

_SITE = """
import sys

if {stand_in}:
    from tests import static_python

    sys.modules["_fixpoint_calls"] = static_python.stand_in()
from tests import rfc8032

sys.modules["_fixpoint_ed25519"] = rfc8032
for name in {missing}:
    for loaded in [each for each in sys.modules if each.partition(".")[0] == name]:
        del sys.modules[loaded]
    sys.modules[name] = None  # importing it is an ImportError
"""


def stand_in() -> ModuleType:
    """Return a module that acts as ``_fixpoint_calls``."""
    import ctypes

    libraries = [kind(None, use_errno=True) for kind in (ctypes.CDLL, ctypes.PyDLL)]

    def syscall(library: Any) -> Any:
        function = library["syscall"]
        function.restype = ctypes.c_long

        def call(*args: int | bytes | None) -> int:
            plain = (ctypes.c_ulong(arg) if isinstance(arg, int) else arg for arg in args)
            result: int = function(*plain)
            return result

        return call

    module: Any = ModuleType("_fixpoint_calls")
    module.syscall, module.locked_syscall = map(syscall, libraries)
    module.last_error = ctypes.get_errno
    module.address = lambda buffer: ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    found: ModuleType = module
    return found


@cache
def compiler() -> str | None:
    """Return the compiler for modules of this Python, None where there is none."""
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return shutil.which("cc") if headers.exists() else None


def compile_module(name: str, folder: Path) -> None:
    """Compile ``_fixpoint_NAME`` to a module that this Python can load from ``folder``."""
    cc = compiler()
    assert cc is not None
    include = f"-I{sysconfig.get_paths()['include']}"
    result = folder / f"_fixpoint_{name}.so"
    source = SOURCES / f"fixpoint_{name}.c"
    words = [cc, "-O1", "-Wall", "-Werror", "-shared", "-fPIC", include, str(source), "-o"]
    subprocess.run([*words, str(result)], check=True, capture_output=True)


def site_folder(folder: Path) -> Path:
    """Return ``folder``, which makes a Python that has it on its path like a static one."""
    compiled = compiler() is not None
    if compiled:
        compile_module("calls", folder)
    text = _SITE.format(stand_in=not compiled, missing=MISSING)
    (folder / "sitecustomize.py").write_text(text)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """Return the environment for a Python that is without them."""
    return dict(os.environ) | {"PYTHONPATH": f"{site_folder(folder)}:{TOP}"}


def run(folder: Path, script: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a script by such a Python."""
    called = [sys.executable, "-c", script, *args]
    return subprocess.run(
        called, check=False, env=environment(folder), capture_output=True, text=True
    )
