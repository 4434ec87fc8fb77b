"""The units of the documentation: systemd takes them, and their commands do what they are for."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scripts import farm_trial
from tests import casd, nginx
from tests.integration import services
from tests.integration.cache_users import cut_off
from tests.integration.conftest import TOP, Shop, copy_store, open_to_others
from tests.integration.transports import is_sound
from tests.pages import Unit, blocks, moved, page, typed, units

FARM = page("farm.md")
UNITS = units(page("handbook.md")) | units(FARM)
BUILDGRID = TOP / ".venv" / "buildgrid-0.4.4"


def within(seconds: float, true: Callable[[], object], log: Path) -> None:
    """Wait until a call returns true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)


@contextlib.contextmanager
def service(unit: Unit, place: Path, home: Path) -> Iterator[Path]:
    """Have a service; gives the file of its messages."""
    log = place / f"{unit.name}.log"
    process = services.begin(unit, home, log, writes=place)
    try:
        yield log
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def test_systemd_takes_every_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    for unit in UNITS.values():
        text = re.sub(r"(Exec\w+=)\S+", r"\1/bin/true", unit.text)
        (tmp_path / unit.name).write_text(text)
    (tmp_path / "postgresql.service").write_text("[Service]\nExecStart=/bin/true\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / each) for each in UNITS)],
        capture_output=True,
        text=True,
        check=False,
    )
    # It passes over what it does not know, with a line that names the file.
    assert (done.returncode, [x for x in done.stderr.splitlines() if str(tmp_path) in x]) == (0, [])


def test_every_timer_has_its_service_and_every_service_a_text() -> None:
    assert {each.partition(".")[2] for each in UNITS} == {"service", "timer"}
    for name in UNITS:
        assert f"{Path(name).stem}.service" in UNITS
        assert UNITS[name].settings["Description"]


@pytest.mark.parametrize("name", ["fixpoint-gc.service", "fixpoint-verify.service"])
def test_the_nightly_units_of_a_store_work(tmp_path: Path, name: str) -> None:
    programs = services.install(tmp_path / "bin")
    unit = UNITS[name].moved({"/usr/local/bin": programs, "/srv/fixpoint": tmp_path / "fixpoint"})
    (tmp_path / "first").write_text("so that there is a store\n")
    add = replace(
        unit, text=re.sub("ExecStart=.*", f"ExecStart={programs}/store add first", unit.text)
    )
    for each in (add, unit):
        done = services.run(each, tmp_path / "no-home", folder=tmp_path)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A folder with a short name, for sockets."""
    with tempfile.TemporaryDirectory(prefix="units") as folder:
        yield Path(folder)


def test_casd_of_one_team_keeps_objects_and_builds(
    seeded: Path, anne: Shop, archive: Path, tmp_path: Path, sockets: Path
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for each in (*casd.programs().iterdir(), casd.bubblewrap() / "bwrap"):
        (programs / each.name).symlink_to(each)
    (tmp_path / "state").mkdir()
    places = {"/usr/local/bin": programs, "/var/lib/casd": tmp_path / "state", "/run/casd": sockets}
    unit = UNITS["casd.service"].moved(places)
    url = moved("grpc+unix:/run/casd/socket", {"/run/casd": sockets})
    assert "`--on grpc+unix:/run/casd/socket`" in FARM
    with service(unit, tmp_path, tmp_path / "no-home") as log:
        within(120, (sockets / "socket").exists, log)
        assert (sockets / "socket").stat().st_mode & 0o777 == 0o660
        anne.path("push", "--to", url, "above")
        bert = cut_off(archive, tmp_path / "bert", anne)
        found = bert.path("realise", "above", "--cache", url, "--cache-only")
        assert found == anne.path("realise", "above")
        assert is_sound(bert)
        client = Shop(copy_store(seeded, tmp_path / "client"))
        done = client.run("realise", "hello", "--on", url)
        assert done.returncode == 0, done.stderr + log.read_text()


@pytest.fixture
def bgd() -> Path:
    """The folder of BuildGrid's program; it is not among the packages of the tests."""
    if not (BUILDGRID / "bin" / "bgd").exists():
        pytest.skip("BuildGrid is not there (scripts/farm-trial installs it)")
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    return BUILDGRID / "bin"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """The folder of PostgreSQL's socket; the database was made as the page says."""
    open_to_others(tmp_path)
    with farm_trial.postgresql(tmp_path) as made:
        host = made.partition("?host=")[2]
        (commands,) = [each for each in typed(FARM) if each[0].startswith("createuser")]
        for line in commands:
            variables = {**os.environ, "PGHOST": host, "PGUSER": "farm"}
            subprocess.run(line.split(), env=variables, check=True)
        yield host


def test_buildgrid_and_a_worker_build(
    bgd: Path, database: str, seeded: Path, tmp_path: Path
) -> None:
    port = nginx.free_port()
    programs = services.install(tmp_path / "bin")
    (settings,) = blocks(FARM, "yaml")
    address, socket_folder = f"127.0.0.1:{port}", {"/run/postgresql": database}
    state, config = tmp_path / "buildgrid", tmp_path / "fixpoint-worker"
    places = {"/var/lib/buildgrid": state, "127.0.0.1:50051": address, **socket_folder}
    (tmp_path / "server.yml").write_text(moved(settings, places))
    for each in (state, tmp_path / "worker"):  # as StateDirectory does
        each.mkdir()
    places = {"/opt/buildgrid/bin": bgd, "/etc/buildgrid": tmp_path, **socket_folder}
    server = UNITS["buildgrid.service"].moved(places)
    worker = UNITS["fixpoint-worker.service"].moved(
        {
            "/usr/local/bin": programs,
            "/var/lib/fixpoint": tmp_path / "worker",
            "/etc/fixpoint-worker": config,
            "127.0.0.1:50051": address,
        }
    )
    home = tmp_path / "no-home"
    client = user_with_key_of_the_worker(config, programs, tmp_path, seeded)
    with service(server, tmp_path, home) as log:
        within(240, lambda: listens(port), log)
        with service(worker, tmp_path, home) as messages:
            words = ("realise", "hello", "--on", f"grpc://{address}", "--remote-sandbox", "worker")
            done = client.run(*words, timeout=300)
            assert done.returncode == 0, done.stderr + messages.read_text() + log.read_text()
    assert "full" in client.path("info", "hello")


def user_with_key_of_the_worker(config: Path, programs: Path, place: Path, seeded: Path) -> Shop:
    """A client that trusts the key which the worker's machine makes as the page says."""
    (commands,) = [each for each in typed(FARM) if "/etc/fixpoint-worker" in each[0]]
    words = {"/etc/fixpoint-worker": config, "-o fixpoint ": "", "sudo -u fixpoint ": ""}
    for line in moved("\n".join(commands), words).splitlines():
        environment = {"PATH": f"{programs}:{services.PATH}", "HOME": "/nonexistent"}
        done = subprocess.run(
            line.split(), env=environment, check=True, capture_output=True, text=True
        )
    client = Shop(copy_store(seeded, place / "client"), env={"XDG_CONFIG_HOME": f"{place}/mine"})
    client.path("key", "trust", done.stdout.strip())
    return client


def listens(port: int) -> bool:
    """Return whether something listens at a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
