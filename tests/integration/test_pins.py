"""`scripts/pins` with a small archive, signed by a key of its own, on the loopback."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).resolve().parents[2]
NEEDED = ("apt-get", "gpg", "gpgv")
NEW = b"coreutils, as it is in stable"
OLD = "61a1f410d78ba7e7f37a5a4f50e6d1320aca33375484a3255eddf17a38580423"


def packed(name: str, text: str) -> bytes:
    """Return an archive of one file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


HELLO = packed("hello-2.12/meson.build", "dependency('libbar')\n")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, NEEDED)), reason=f"needs {', '.join(NEEDED)}"
)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Archive:
    """Suites below ``place``; ``sign`` is what signs them."""

    place: Path
    sign: list[str]

    def suite(self, name: str, *stanzas: str, more: str = "") -> None:
        """Publish the index of a suite."""
        folder = self.place / "dists" / name
        (folder / "main" / "source").mkdir(parents=True)
        text = "\n".join(stanzas).encode()
        files = {"Sources": text, "Sources.gz": gzip.compress(text)}
        for file, data in files.items():
            (folder / "main" / "source" / file).write_bytes(data)
        digests = "".join(
            f" {hashlib.sha256(data).hexdigest()} {len(data)} main/source/{file}\n"
            for file, data in files.items()
        )
        release = (
            f"Origin: Test\nSuite: {name}\nCodename: {name}\nComponents: main\n"
            f"Architectures: source\nDate: Sat, 01 Jan 2022 00:00:00 UTC\n{more}"
            f"SHA256:\n{digests}"
        )
        (folder / "Release").write_text(release)
        command = [*self.sign, "--output", str(folder / "InRelease"), "--clearsign"]
        subprocess.run([*command, str(folder / "Release")], check=True, capture_output=True)


def stanza(source: str, version: str, upstream: str, sha256: str, size: int = len(NEW)) -> str:
    return (
        f"Package: {source}\nVersion: {version}\nDirectory: pool/main/{source[0]}/{source}\n"
        f"Checksums-Sha256:\n {sha256} {size} {source}_{upstream}.orig.tar.xz\n"
    )


@dataclass
class Tool:
    """Runs ``scripts/pins`` on a copy of the recipes."""

    recipes: Path
    environment: dict[str, str]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", str(TOP / "scripts" / "pins.py")]
        return subprocess.run(
            [*command, "--recipes", str(self.recipes), *words],
            env=self.environment,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def check(self, *words: str) -> dict[str, Any]:
        """Return the findings by the pins' names; something is to be done."""
        done = self.run("check", "--json", *words)
        assert done.returncode == 3, done.stderr
        return {each["name"]: each for each in json.loads(done.stdout)["pins"]}


def pin_old(recipe: Path) -> None:
    """Pin coreutils as the archive's old suite has it, whatever the recipes pin today."""
    text, count = re.subn(
        r'"c/coreutils/coreutils_[^"]+",(\s+)"[0-9a-f]{64}"',
        rf'"c/coreutils/coreutils_9.1.orig.tar.xz",\1"{OLD}"',
        recipe.read_text(),
    )
    assert count == 1, "one pin"
    recipe.write_text(text)


@pytest.fixture
def gpg_home() -> Iterator[Path]:
    """A folder with a short name: gpg's agent listens at a socket in it."""
    with tempfile.TemporaryDirectory(prefix="gpg", ignore_cleanup_errors=True) as made:
        yield Path(made)


@pytest.fixture
def archive(tmp_path: Path, gpg_home: Path) -> Iterator[Archive]:
    home = gpg_home
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--passphrase", ""]
    subprocess.run([*gpg, "--quick-gen-key", "t@t.test", "ed25519", "sign"], check=True)
    key = tmp_path / "key.gpg"
    subprocess.run([*gpg, "--output", str(key), "--export"], check=True)
    found = Archive(tmp_path / "debian", gpg)
    found.suite("bookworm", stanza("coreutils", "9.1-1+deb12u3", "9.1", OLD))
    sha256 = hashlib.sha256(NEW).hexdigest()
    hello = stanza("hello", "2.12-1", "2.12", hashlib.sha256(HELLO).hexdigest(), len(HELLO))
    found.suite("trixie", stanza("coreutils", "9.7-3", "9.7", sha256), hello)
    found.suite(
        "forky",
        stanza("coreutils", "9.10-1", "9.10", "1" * 64),
        more="Valid-Until: Sat, 08 Jan 2022 00:00:00 UTC\n",
    )
    found.suite("sid", stanza("coreutils", "9.99-1", "9.99", "2" * 64))
    forged = found.place / "dists/sid/InRelease"
    forged.write_text(forged.read_text().replace("Origin: Test", "Origin: Else"))
    pool = found.place / "pool/main/c/coreutils"
    pool.mkdir(parents=True)
    (pool / "coreutils_9.7.orig.tar.xz").write_bytes(NEW)
    (found.place / "pool/main/h/hello").mkdir(parents=True)
    (found.place / "pool/main/h/hello/hello_2.12.orig.tar.xz").write_bytes(HELLO)
    yield found
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


@pytest.fixture
def tool(archive: Archive, tmp_path: Path) -> Iterator[Tool]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_address[1]}/debian"
        etc = tmp_path / "etc"
        etc.mkdir()
        (etc / "sources.list").write_text(
            f"deb [signed-by={tmp_path}/key.gpg] {uri} bookworm main\n"
        )
        config = tmp_path / "apt.conf"
        config.write_text(
            f'Dir::Etc "{etc}";\nDir::Etc::Parts "/nowhere";\n'
            'Acquire::Retries "0";\nAcquire::http::Proxy "DIRECT";\n'
        )
        shutil.copytree(TOP / "derivations", tmp_path / "derivations")
        pin_old(tmp_path / "derivations/coreutils.py")
        shutil.copytree(TOP / "bootstrap-seeds", tmp_path / "bootstrap-seeds")
        proxies = ("http_proxy", "https_proxy", "all_proxy", "store_debian_mirror")
        kept = {key: value for key, value in os.environ.items() if key.lower() not in proxies}
        own = {"APT_CONFIG": str(config), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        yield Tool(tmp_path / "derivations", kept | own)
        server.shutdown()


def test_pins_are_compared_with_signed_indices_alone(tool: Tool) -> None:
    found = tool.check()["coreutils"]
    assert (found["pinned"], found["stable"], found["newest"]) == ("9.1", "9.7", "9.10")
    assert (found["state"], found["suites"]) == ("behind", ["bookworm"])
    assert (found["updates"], found["served"]) == (3, None)
    assert tool.check("sed")["sed"]["state"] == "unlisted"
    done = tool.run("check", "--refresh", "coreutils")
    assert "sid" in done.stderr, "the forged index is reported"


def test_checks_that_begin_at_once_wait_for_each_other(tool: Tool) -> None:
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: tool.check("coreutils"), range(3)))
    assert found[0] == found[1] == found[2]


def test_a_cache_that_cannot_be_written_is_an_error(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    done = tool.run("check", "coreutils")
    assert done.returncode == 50 and done.stderr.startswith(f"pins: {tmp_path}/cache/fixpoint")
    done = tool.run("check", "flit")
    assert done.returncode == 1 and "no pin is called 'flit'" in done.stderr


def test_a_server_is_asked_for_named_pins_alone(tool: Tool) -> None:
    assert tool.run("check", "--served").returncode == 2
    found = tool.check("--served", "coreutils")["coreutils"]
    assert found["served"] is False and "404" in found["refusal"]


def test_a_bump_writes_what_was_fetched_and_checked(tool: Tool) -> None:
    lines = (tool.recipes / "coreutils.py").read_text().splitlines()
    place = next(at for at, line in enumerate(lines, 1) if "debian(" in line)
    done = tool.run("bump", "coreutils")
    assert done.returncode == 0, done.stderr
    assert f"coreutils.py:{place}: coreutils 9.1 -> 9.7" in done.stdout
    assert "would be rebuilt: source.coreutils, " in done.stdout
    text = (tool.recipes / "coreutils.py").read_text()
    assert "coreutils_9.7.orig" in text and hashlib.sha256(NEW).hexdigest() in text
    done = tool.run("check", "--no-refresh", "--served", "coreutils")
    assert done.returncode == 0 and done.stdout.rstrip().endswith("trixie; served")
    assert "already" in tool.run("bump", "coreutils").stderr


def test_a_version_that_is_not_served_changes_no_recipe(tool: Tool) -> None:
    before = (tool.recipes / "coreutils.py").read_bytes()
    done = tool.run("bump", "coreutils", "--to", "9.10")
    assert done.returncode == 22 and "404" in done.stderr
    assert "a server has 9.7\n" in done.stderr, "neither itself nor 9.1, which no server has"
    assert (tool.recipes / "coreutils.py").read_bytes() == before


def test_where_no_version_is_served_the_error_says_so(tool: Tool, archive: Archive) -> None:
    (archive.place / "pool/main/c/coreutils/coreutils_9.7.orig.tar.xz").unlink()
    done = tool.run("add", "coreutils", "--name", "coreutils-too")
    assert done.returncode == 22
    assert "no server has 9.10, 9.1 either" in done.stderr and "url(" in done.stderr


def test_a_source_becomes_the_draft_of_a_recipe(tool: Tool) -> None:
    kept = tool.recipes.parent / "kept" / "here"
    done = tool.run("add", "hello", "--group", "cli", "--keep", str(kept))
    assert done.returncode == 0, done.stderr
    assert (kept / "hello_2.12.orig.tar.xz").read_bytes() == HELLO
    path = tool.recipes / "cli" / "hello.py"
    assert done.stdout.strip() == str(path)
    text = path.read_text()
    assert "h/hello/hello_2.12.orig.tar.xz" in text and hashlib.sha256(HELLO).hexdigest() in text
    assert 'description="TODO"' in text and "build=meson()" in text
    assert 'needs=("TODO-libbar",)' in text
    done = tool.run("add", "hello", "--group", "cli")
    assert done.returncode == 1 and "there already" in done.stderr
    done = tool.run("add", "hello-world")
    assert "no suite lists a source package hello-world" in done.stderr
    assert "did you mean hello?" in done.stderr
