"""The laboratory's fixtures, for test modules that name this one in ``pytest_plugins``."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.system import removing
from tests.integration.laboratory import (
    INPUT,
    INPUT_FILE,
    NOBODY,
    Lab,
    copy_interpreter,
    stock,
)


@pytest.fixture(scope="session")
def bench() -> Iterator[tuple[Path, str]]:
    """A folder that every user may enter, with the copied interpreter in it."""
    base = Path(tempfile.mkdtemp(prefix="fixpoint-test-"))
    base.chmod(0o755)
    (base / "rootfs").mkdir()
    yield base, copy_interpreter(base / "rootfs")
    removing.remove(str(base))


@pytest.fixture(scope="session", params=["this-user", "nobody"])
def lab(request: pytest.FixtureRequest, bench: tuple[Path, str]) -> Lab:
    """This user's store lies below a closed folder, as in root's home."""
    base, libraries = bench
    uid = None if request.param == "this-user" else NOBODY
    if uid is not None and os.geteuid() != 0:
        pytest.skip("only root can become another user; these tests run as an ordinary one anyway")
    # Where files share a process, the parameters of a session may come more than once.
    home = Path(tempfile.mkdtemp(prefix=f"{request.param}-", dir=base))
    (home / "root" / "store").mkdir(parents=True)
    home.chmod(0o700)
    stock(home / "root" / "store", base / "rootfs")
    if uid is not None:
        os.chown(home, uid, uid)
        for name in (INPUT, f"{INPUT}/bin", f"{INPUT}/bin/tool", INPUT_FILE):
            os.chown(home / "root" / "store" / name, uid, uid)
    return Lab(home / "root", uid, libraries)
