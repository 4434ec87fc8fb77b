"""A store of the tests' own, and the command as a user runs it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import lmdb
import pytest

from store.system import kernel
from tests import forked, memory
from tests.faults.subjects import pack_rootfs
from tests.integration.browser import Browser, opened
from tests.once import once

TOP = Path(__file__).resolve().parents[2]
TOYS = TOP / "tests" / "recipes" / "toys"

MakeDisk = Callable[[int], Path]


@dataclass
class Shop:
    """Runs ``store`` with one root and one folder of recipes."""

    root: Path
    recipes: Path = TOYS
    env: dict[str, str] = field(default_factory=dict)
    uid: int | None = None
    python: str = sys.executable
    module: str = "store"

    def command(self, *words: str) -> list[str]:
        """The command line."""
        return [self.python, "-m", self.module, *self._words(*words)]

    def _words(self, *words: str) -> list[str]:
        return ["--root", str(self.root), "--recipes", str(self.recipes), *words]

    @property
    def _is_plain(self) -> bool:
        """True when nothing is asked of the start of Python."""
        asked = self.uid is not None or self.python != sys.executable
        return not asked and not any(name.startswith("PYTHON") for name in self.env)

    def impatient(self) -> Shop:
        """Return the same, with short bounds on servers."""
        return replace(self, module="tests.impatient")

    def environment(self) -> dict[str, str]:
        """Return what the command finds in its environment."""
        fixed = {"PYTHONPATH": str(TOP), "PYTHONDONTWRITEBYTECODE": "1", "TERM": "dumb"}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("STORE_")}
        return kept | fixed | self.env

    def run(self, *words: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run to the end, with output as text."""
        environment = self.environment()
        if self._is_plain and forked.fits(environment):
            return forked.run(
                self._words(*words),
                cwd="/",
                env=environment,
                timeout=timeout,
                impatient=self.module != "store",
            )
        return subprocess.run(
            self.command(*words),
            env=environment,
            user=self.uid,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Run in the background, in a process group of its own."""
        return subprocess.Popen(
            self.command(*words),
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def path(self, *words: str) -> str:
        """The one line on standard output of a command that must succeed."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def physical(self, path: str) -> Path:
        """Where a store path lies."""
        return self.root / path.removeprefix("/")


@pytest.fixture(scope="session")
def tmp_path_factory(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> pytest.TempPathFactory:
    """Folders in memory, where there is enough."""
    return memory.factory_of(pytestconfig, tmp_path_factory, memory.ENOUGH_TO_BUILD)


@pytest.fixture
def disk_folder(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder on the disk, for modules whose subject needs one: there it is ``tmp_path``."""
    del tmp_path_factory  # the usual one is known once this is made
    folder = memory.on_disk(pytestconfig).mktemp("on-disk")
    yield folder
    memory.remove(folder)


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a store with the seed's userland. All workers share it, and no test changes it:
    the seed is fetched and unpacked once."""
    made = once(tmp_path_factory, "seeded", lambda place: realise_userland(Shop(place / "root")))
    return made / "root"


def realise_userland(shop: Shop) -> None:
    """Have a store fetch and unpack the seed."""
    done = shop.run("realise", "userland", timeout=600)
    assert done.returncode == 0, done.stderr


def copy_store(root: Path, to: Path) -> Path:
    """Copy a store that no process has open; returns ``to``."""
    to.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", root, to], check=True)
    return to


@pytest.fixture(scope="session")
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """One store for all tests of a session."""
    given = os.environ.get("STORE_TEST_ROOT")
    if given:
        made = Shop(Path(given))
        realise_userland(made)
        return made
    seeded = request.getfixturevalue("seeded")
    return Shop(copy_store(seeded, tmp_path_factory.mktemp("shop") / "root"))


@pytest.fixture
def started() -> Iterator[Callable[[subprocess.Popen[str]], subprocess.Popen[str]]]:
    """Takes up background processes, and ends those that a failing test left."""
    processes: list[subprocess.Popen[str]] = []

    def take(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
        processes.append(process)
        return process

    yield take
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


@pytest.fixture
def others_python() -> str:
    """An interpreter that other users can run, with our dependencies; only root can be others."""
    if os.geteuid() != 0:
        pytest.skip("becomes another user, which only root can")
    for python in (sys.executable, "/usr/bin/python3"):
        command = [python, "-c", "import store.cli.command_line, lmdb, blake3, msgpack"]
        environment = {"PYTHONPATH": others_path()}
        with contextlib.suppress(OSError):
            if (
                subprocess.run(
                    command, env=environment, user=65534, cwd="/", check=False, capture_output=True
                ).returncode
                == 0
            ):
                return python
    pytest.skip("no interpreter that other users can run has the dependencies")


def open_to_others(folder: Path) -> None:
    """Let all users pass through a test's folder and those above it."""
    for place in (folder, *folder.parents):
        if place.stat().st_uid == os.geteuid() and place.stat().st_mode & 0o011 != 0o011:
            place.chmod(0o755)


def others_path() -> str:
    """Where modules are found: the checkout, and the installed packages."""
    return f"{TOP}:{Path(lmdb.__file__).parents[1]}"


@pytest.fixture(scope="session")
def window() -> Iterator[Browser]:
    """One browser for all tests of pages."""
    with opened() as browser:
        yield browser


@pytest.fixture
def browser(window: Browser, page: Path) -> Browser:
    """The ``page`` of the test's module, freshly loaded on a desk's screen."""
    window.prefer("light")
    window.resize(1200)
    window.open(page.as_uri())
    assert window.complaints() == []
    return window


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[MakeDisk]:
    """Makes a file system of so many MiB; only root can mount one."""
    mounted: list[Path] = []

    def make(size: int) -> Path:
        if os.geteuid() != 0:
            pytest.skip("mounts a small file system, which only root can")
        place = tmp_path / f"disk-{len(mounted)}"
        place.mkdir()
        try:
            kernel.mount("tmpfs", str(place), "tmpfs", 0, f"size={size}m")
        except OSError as error:
            pytest.skip(f"cannot mount a small file system: {error}")
        mounted.append(place)
        return place

    yield make
    for place in mounted:
        kernel.umount(str(place))


# Users that share small recipes


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root file system that all of the small recipes stand on."""
    packed = tmp_path_factory.mktemp("archive") / "small-rootfs.tar"
    pack_rootfs(packed)
    return packed


@pytest.fixture(scope="module")
def anne(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A builder that has built all of the small recipes."""
    from tests.integration.cache_users import user  # it imports this module

    shop = user(archive, tmp_path_factory.mktemp("builder") / "anne")
    shop.path("realise", "above")
    return shop


@pytest.fixture
def bert(archive: Path, tmp_path: Path, anne: Shop) -> Shop:
    """An empty store that trusts anne; all sources are cut off."""
    from tests.integration.cache_users import cut_off  # it imports this module

    return cut_off(archive, tmp_path / "bert", anne)
