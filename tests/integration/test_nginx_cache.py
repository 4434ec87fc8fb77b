"""The handbook's cache behind nginx, with TLS: its blocks are run as they stand, on loopback."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import nginx
from tests.integration import services
from tests.integration.conftest import open_to_others, others_path
from tests.pages import Unit, blocks, moved, page, typed, units

HANDBOOK = page("handbook.md")
HOST = "cache.example.org"
TWO_DAYS = 2 * 24 * 3600


@dataclass
class Site:
    """The server, and its clients; ``folder`` is for all of this."""

    folder: Path
    port: int

    @property
    def cache(self) -> Path:
        """The folder that nginx serves."""
        return self.folder / "srv" / "cache"

    @property
    def url(self) -> str:
        """The URL of the cache."""
        return f"https://localhost:{self.port}"

    def home(self, name: str, *, writes: bool = False) -> Path:
        """The home of a client that trusts the server, and may have a builder's certificate."""
        hosts = self.folder / name / ".config" / "fixpoint" / "hosts" / "localhost"
        if not hosts.exists():
            hosts.mkdir(parents=True)
            (hosts / "ca.pem").symlink_to(self.folder / "builders.pem")
            for each in ("client.pem", "client.key") if writes else ():
                (hosts / each).symlink_to(self.folder / each)
        return self.folder / name

    def unit(self, name: str) -> Unit:
        """A unit of the handbook, with the places of this site."""
        cache = {
            "store-push.service": {f"https://{HOST}": self.url},
            "store-cache.service": {"/srv/cache": str(self.cache)},
        }
        return units(HANDBOOK)[name].moved({"/usr/local/bin": self.folder / "bin", **cache[name]})

    def store(self, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``store`` as a client."""
        return subprocess.run(
            [str(self.folder / "bin" / "store"), *words],
            env={"PATH": services.PATH, **services.at_home(home)},
            cwd=home,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def output(self, home: Path, *words: str) -> str:
        """The output of a command that has to succeed."""
        done = self.store(home, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def push(self) -> str:
        """Run the builder's nightly unit, which has to succeed; returns its messages."""
        done = services.run(self.unit("store-push.service"), self.home("builder", writes=True))
        assert done.returncode == 0, done.stderr
        return done.stderr

    def the(self, ending: str) -> list[Path]:
        """The files of the cache with an ending."""
        return sorted((self.cache / "objects").glob(f"*/*{ending}"))


def certificates(folder: Path) -> None:
    """Make the authority and the client's certificate as the handbook does, and the server's."""
    (commands,) = [each for each in typed(HANDBOOK) if each[0].startswith("openssl")]
    (folder / "names").write_text("subjectAltName = DNS:localhost\n")
    request, signed = commands[1:]
    for line in (
        *commands,
        moved(request, {"client": "server", "/CN=forge": "/CN=localhost"}),
        moved(signed, {"client": "server"}) + " -extfile names",
    ):
        subprocess.run(line.split(), cwd=folder, check=True, capture_output=True)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """The server of the handbook, without an object, and a builder with one."""
    open_to_others(tmp_path)
    made = Site(tmp_path, nginx.free_port())
    services.install(tmp_path / "bin")
    certificates(tmp_path)
    user = nginx.worker()
    made.cache.parent.mkdir()
    ((install,),) = [each for each in typed(HANDBOOK) if "/srv/cache" in each[0]]
    owner, group = str(user.pw_uid), str(user.pw_gid)
    words = moved(install, {"-o www-data": f"-o {owner}", "-g www-data": f"-g {group}"})
    subprocess.run(moved(words, {"/srv/cache": made.cache}).split(), check=True)
    (server,) = blocks(HANDBOOK, "nginx")
    places = {
        "listen 443": f"listen 127.0.0.1:{made.port}",
        HOST: "localhost",
        "/etc/ssl/cache.pem": tmp_path / "server.pem",
        "/etc/ssl/private/cache.key": tmp_path / "server.key",
        "/etc/ssl/builders.pem": tmp_path / "builders.pem",
        "/srv/cache": made.cache,
    }
    builder = made.home("builder", writes=True)
    (builder / "a+b_c.d").write_bytes(os.urandom(3 << 20))
    made.output(builder, "key", "new", "forge")
    made.output(builder, "add", "a+b_c.d")
    with nginx.running(tmp_path / "nginx", moved(server, places), made.port):
        yield made


@pytest.fixture
def as_nginx(site: Site, request: pytest.FixtureRequest) -> pwd.struct_passwd | None:
    """The user of nginx, if that is another one; ``store`` is there for others, too."""
    if os.geteuid() != 0:
        return None
    services.install(site.folder / "bin", request.getfixturevalue("others_python"), others_path())
    return nginx.worker()


def test_the_nightly_push_goes_through_nginx_and_others_take_it(site: Site) -> None:
    assert "pushed to" in site.push()
    assert len(site.the(".pack")) == len(site.the(".head")) == 1
    reader = site.home("reader")
    path = site.output(site.home("builder"), "add", "a+b_c.d")
    site.output(reader, "import", "--from", site.url, path)
    site.output(reader, "verify", "--contents")
    assert "nothing new; 1 had been there" in site.push()


def test_a_client_without_a_certificate_reads_only(site: Site) -> None:
    site.push()
    reader = site.home("reader")
    (reader / "other").write_text("something else")
    site.output(reader, "add", "other")
    done = site.store(reader, "push", "--to", site.url, "--all")
    assert done.returncode == 27
    assert "403" in done.stderr
    assert "client.pem" in done.stderr
    assert len(site.the(".pack")) == 1


def test_a_push_keeps_what_it_finds_from_the_next_prune(site: Site) -> None:
    site.push()
    (head,) = site.the(".head")
    before = time.time() - TWO_DAYS
    os.utime(head, (before, before))
    site.push()
    assert head.stat().st_mtime > before + TWO_DAYS / 2


def test_the_units_of_the_server_find_damage_that_the_next_push_mends(
    site: Site, as_nginx: pwd.struct_passwd | None
) -> None:
    site.push()
    unit = site.unit("store-cache.service")
    nowhere = site.folder / "no-home"
    assert services.run(unit, nowhere, user=as_nginx).returncode == 0
    (pack,) = site.the(".pack")
    os.truncate(pack, 1000)
    done = services.run(unit, nowhere, user=as_nginx)
    assert done.returncode == 2
    assert pack.name in done.stdout + done.stderr
    assert "put again" in site.push()
    assert services.run(unit, nowhere, user=as_nginx).returncode == 0
