"""Real damage to real stores: found, repaired from where it can be, and nothing ever deleted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from store.model.derivation import Source
from store.store import Store
from tests.integration.conftest import Shop, others_path


@pytest.fixture(scope="module")
def builder(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A store of this module's own to which the userland was taken, and toys were built."""
    own = replace(shop, root=tmp_path_factory.mktemp("repair") / "root")
    userland = shop.path("realise", "userland")
    kept = tmp_path_factory.mktemp("links") / "userland"
    taken = own.run("import", userland, "--from", str(shop.root), "-o", str(kept))
    assert taken.returncode == 0, taken.stderr
    for toy in ("hello", "pair", "downstream", "itself", "note"):
        own.path("realise", toy)
    return own


@pytest.fixture
def own(tmp_path: Path) -> Shop:
    """An empty store."""
    return Shop(tmp_path / "root")


def write(path: Path, data: bytes) -> None:
    """Change bytes and nothing else, as a disk does."""
    mode = path.stat().st_mode
    path.chmod(0o644)
    with open(path, "r+b") as stream:
        stream.write(data)
    path.chmod(mode)
    os.utime(path, ns=(10**9, 10**9))


def flip(path: Path) -> None:
    """Change one bit of the first byte."""
    write(path, bytes([path.read_bytes()[0] ^ 1]))


def unlink(path: Path) -> None:
    """Take a file out of an object, whose folder looks then as before."""
    path.parent.chmod(0o755)
    path.unlink()
    os.utime(path.parent, ns=(10**9, 10**9))
    path.parent.chmod(0o555)


def remove(path: Path) -> None:
    """Take an object away, with all that shares its inodes below links/."""
    for folder, folders, _ in os.walk(path):
        for name in (".", *folders):
            os.chmod(os.path.join(folder, name), 0o755)
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def drop_pool(shop: Shop, path: Path) -> None:
    """Remove the link below links/ of a file's inode."""
    inode = path.stat().st_ino
    for link in (shop.root / "links").glob("??/*"):
        if link.stat().st_ino == inode:
            link.unlink()


def repaired(shop: Shop, *words: str) -> tuple[int, list[dict[str, object]]]:
    """The exit code of a repair, and how each object ended."""
    done = shop.run("verify", "--contents", "--repair", "--json", *words)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, [line for line in lines if "repaired" in line]


def check_clean(shop: Shop) -> None:
    done = shop.run("verify", "--contents")
    assert done.returncode == 0, done.stdout


# -- by building again --


@pytest.mark.parametrize(
    ("toy", "file"),
    [("hello", "bin/hello"), ("itself", "where"), ("pair", "text"), ("downstream", "")],
)
def test_a_flipped_bit_is_mended_by_building_again(builder: Shop, toy: str, file: str) -> None:
    path = builder.path("realise", toy).split()[0]
    victim = builder.physical(path) / file
    before = victim.read_bytes()
    flip(victim)
    assert builder.run("verify", "--contents", path).returncode == 2
    code, ended = repaired(builder)
    assert code == 0
    assert [(item["repaired"], item["from"]) for item in ended] == [(path, "building again")]
    assert victim.read_bytes() == before
    check_clean(builder)
    assert not os.path.exists(builder.root / "quarantine" / path.rpartition("/")[2])


def test_a_source_is_fetched_again(builder: Shop) -> None:
    path = builder.path("realise", "note")
    flip(builder.physical(path))
    code, ended = repaired(builder)
    assert (code, [item["from"] for item in ended]) == (0, ["building again"])
    check_clean(builder)


def test_an_input_is_repaired_before_what_is_built_with_it(builder: Shop) -> None:
    upstream, downstream = (builder.path("realise", toy) for toy in ("upstream", "downstream"))
    for path in (upstream, downstream):
        drop_pool(builder, builder.physical(path))
        remove(builder.physical(path))
    done = builder.run("verify", "--repair")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"repaired: {upstream} (from building again)" in done.stdout
    assert f"repaired: {downstream} (from building again)" in done.stdout
    check_clean(builder)
