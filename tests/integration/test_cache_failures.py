"""A web server that fails a realise, in each way: nothing hangs, and nothing fails for it."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store.cache import zstd
from store.cache.file_answers import HEAD_LIMIT
from tests.impatient import SILENT
from tests.integration.cache_users import closure, cut_off, own, user
from tests.integration.conftest import MakeDisk, Shop
from tests.integration.transports import is_sound
from tests.unit.cache.web import Handler, Web, refusing, serving, silent

DROPPED = "asked nothing more in this run"

GRACE = 10.0
"""Seconds that a run may take besides, on a machine that does other things, too."""


@pytest.fixture(scope="module")
def folder(anne: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that it pushes into."""
    made = tmp_path_factory.mktemp("cache") / "cache"
    anne.path("push", "--to", str(made), "above", "--with-builds")
    return made


@pytest.fixture
def web(folder: Path) -> Iterator[Web]:
    """A server over the folder, that a test lets fail."""
    with serving(folder) as made:
        yield made


@pytest.fixture
def carl(archive: Path, tmp_path: Path, anne: Shop) -> Shop:
    """An empty store that trusts anne, and can build."""
    return user(archive, tmp_path / "carl", anne)


def realises(shop: Shop, anne: Shop, *caches: str) -> str:
    """Realise the goal, which must come out as anne has it; returns standard error."""
    words = [word for cache in caches for word in ("--cache", cache)]
    done = shop.run("realise", "above", *words)
    assert (done.returncode, done.stdout.strip()) == (0, anne.path("realise", "above")), done.stderr
    assert is_sound(shop)
    return done.stderr


def first_warning(shop: Shop, *words: str) -> float:
    """Return the seconds from the start of a command until it drops a cache."""
    began = time.monotonic()
    with shop.start(*words) as process:
        assert process.stderr is not None
        found = 0.0
        for line in process.stderr:
            if DROPPED in line and not found:
                found = time.monotonic() - began
        assert process.wait() == 0
    assert found
    return found


def test_one_that_refuses_is_dropped_within_a_second(carl: Shop, anne: Shop, web: Web) -> None:
    empty = carl.root.parent / "empty"
    empty.mkdir()
    beside = first_warning(carl, "realise", "base", "--cache", str(empty))
    assert carl.run("gc").returncode == 0

    def soon() -> bool:
        return first_warning(carl, "realise", "base", "--cache", refusing()) < beside + 1.0

    # A machine that does other things may need more time for one, but not for each.
    assert soon() or any(carl.run("gc").returncode == 0 and soon() for _ in range(3))
    told = realises(carl, anne, refusing(), web.url)
    assert told.count(DROPPED) == 1


@pytest.mark.parametrize("dry", [False, True])
def test_one_that_is_silent_costs_its_bound_once(carl: Shop, dry: bool) -> None:
    with silent() as url:
        began = time.monotonic()
        more = ["--dry-run"] if dry else []
        done = carl.impatient().run("realise", "above", "--cache", url, *more)
        assert done.returncode == 0, done.stderr
        assert SILENT < time.monotonic() - began < SILENT + GRACE
        assert done.stderr.count(DROPPED) == 1, done.stderr


def test_the_bound_of_silence_is_fifteen_seconds(carl: Shop) -> None:
    with silent() as url:
        began = time.monotonic()
        done = carl.run("realise", "base", "--cache", url, "--dry-run")
        assert done.returncode == 0, done.stderr
        assert 15 < time.monotonic() - began < 20 + GRACE
        assert done.stderr.count(DROPPED) == 1, done.stderr


@pytest.mark.parametrize(("kind", "dry"), [(".head", True), (".pack", False)])
def test_one_that_falls_silent_later_is_no_worse(
    carl: Shop, anne: Shop, web: Web, kind: str, dry: bool
) -> None:
    end = threading.Event()

    def fall_silent(handler: Handler) -> bool:
        if not handler.name.endswith(kind):
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"x")
        end.wait(90)
        handler.close_connection = True
        return True

    web.instead = fall_silent
    began = time.monotonic()
    if dry:
        done = carl.impatient().run("realise", "above", "--cache", web.url, "--dry-run")
        assert done.returncode == 0, done.stderr
        told = done.stderr
    else:
        told = realises(carl.impatient(), anne, web.url)
    seconds = time.monotonic() - began
    end.set()
    assert SILENT < seconds < 5 + SILENT + GRACE, told
    assert told.count(DROPPED) == 1, told


@pytest.mark.parametrize("status", [429, 500, 503])
def test_one_that_is_busy_is_asked_twice(carl: Shop, anne: Shop, web: Web, status: int) -> None:
    web.instead = lambda handler: handler.answer(status)
    told = realises(carl.impatient(), anne, web.url)
    assert told.count(DROPPED) == 1
    counts = {name: web.names("GET").count(name) for name in web.names("GET")}
    assert max(counts.values()) == 2, counts


def test_one_that_is_busy_for_a_moment_is_used(bert: Shop, anne: Shop, web: Web) -> None:
    refused: set[str] = set()

    def once(handler: Handler) -> bool:
        if handler.name in refused:
            return False
        refused.add(handler.name)
        return handler.answer(503, Retry_After="1")

    web.instead = once
    assert DROPPED not in realises(bert, anne, web.url)


@pytest.mark.parametrize("status", [401, 403])
def test_one_that_forbids_says_what_to_set(carl: Shop, anne: Shop, web: Web, status: int) -> None:
    web.instead = lambda handler: handler.answer(status)
    told = realises(carl, anne, web.url)
    (line,) = [line for line in told.splitlines() if DROPPED in line]
    assert ".netrc" in line and "token" in line, line


# -- what it sends --------------------------------------------------------------------------------


def flip(folder: Path) -> None:
    """Change a byte in the middle of each pack."""
    for pack in folder.rglob("*.pack"):
        data = bytearray(pack.read_bytes())
        if data:
            data[len(data) // 2] ^= 1
        pack.write_bytes(data)


def shorten(folder: Path) -> None:
    """Cut each pack short."""
    for pack in folder.rglob("*.pack"):
        os.truncate(pack, pack.stat().st_size // 2)


def bomb(folder: Path) -> None:
    """Let each head unpack to more than a head may have."""
    data = zstd.compress(bytes(HEAD_LIMIT + 1))
    for head in folder.rglob("*.head"):
        head.write_bytes(data)


def bomb_packs(folder: Path) -> None:
    """Let each frame of a pack unpack to far more than was announced."""
    data = zstd.compress(bytes(200 << 20))
    for pack in folder.rglob("*.pack"):
        size = pack.stat().st_size
        pack.write_bytes((data * (size // len(data) + 1))[:size])


def exchange(folder: Path) -> None:
    """Give each object the head and pack of the next one."""
    for kind in ("head", "pack"):
        paths = sorted(folder.rglob(f"*.{kind}"))
        datas = [path.read_bytes() for path in paths]
        for path, data in zip(paths, [*datas[1:], datas[0]], strict=True):
            path.write_bytes(data)


@pytest.mark.parametrize("damage", [flip, shorten, bomb, bomb_packs, exchange])
def test_bad_data_is_named_and_comes_from_the_next_or_is_built(
    bert: Shop, carl: Shop, anne: Shop, web: Web, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    bad = tmp_path / "bad"
    shutil.copytree(web.folder, bad)
    damage(bad)
    made = anne.path("realise", "above")
    with serving(bad) as other:
        told = realises(bert, anne, other.url, web.url)
        assert other.url in told and Path(made).name in told, told
        assert own(bert) == closure(anne, made)
        told = realises(carl, anne, other.url)
        assert other.url in told and Path(made).name in told, told
        assert "to build" in told


def test_records_without_data_are_passed_over(
    bert: Shop, carl: Shop, anne: Shop, web: Web, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(web.folder, bare, ignore=shutil.ignore_patterns("objects"))
    with serving(bare) as other:
        realises(bert, anne, other.url, web.url)
        assert "to build" in realises(carl, anne, other.url)


# -- what happens here ----------------------------------------------------------------------------


def test_after_a_kill_only_the_rest_is_fetched(bert: Shop, anne: Shop, web: Web) -> None:
    held: list[str] = []
    end = threading.Event()

    def hold(handler: Handler) -> bool:
        if handler.name.endswith(".pack") and not end.is_set():
            if not held:
                held.append(handler.name)
            if handler.name == held[0]:
                end.wait(60)
                handler.close_connection = True
                return True
        return False

    web.instead = hold
    process = bert.start("realise", "above", "--cache", web.url)
    packs = len(closure(anne, anne.path("realise", "above")))
    deadline = time.monotonic() + 60
    while len(asked(web)) < packs and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    end.set()
    before = asked(web)
    assert len(before) > 1
    web.requests.clear()
    assert own(bert) == set()
    realises(bert, anne, web.url)
    assert asked(web) == set(held)


def asked(web: Web) -> set[str]:
    """The packs that were asked for."""
    return {name for name in web.names("GET") if name.endswith(".pack")}


def test_a_disk_that_fills_is_one_error_and_no_harm(
    archive: Path, anne: Shop, web: Web, small_disk: MakeDisk, tmp_path: Path
) -> None:
    disk = small_disk(64)
    client = cut_off(archive, tmp_path / "client", anne)
    client.root = disk / "root"
    with (disk / "filler").open("wb", buffering=0) as filler:
        client.path("list")
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        filler.write(bytes(free - (1 << 20)))
    done = client.run("realise", "above", "--cache", web.url)
    assert done.returncode == 36, done.stderr
    assert "Traceback" not in done.stderr
    assert own(client) == set()
    (disk / "filler").unlink()
    realises(client, anne, web.url)


# -- while others go on ---------------------------------------------------------------------------

SLOW = 'i=0; while [ $i -lt 500000 ]; do i=$((i + 1)); done; echo slow > "$out"'


def test_builds_go_on_while_a_slow_cache_is_asked_by_key(
    archive: Path, tmp_path: Path, anne: Shop
) -> None:
    shop = user(archive, tmp_path / "carl", anne)
    stages = next(tmp_path.rglob("small/stages.py"))
    adding = f"    packages['slow'] = builder('slow', {SLOW!r}, root.ref())\n"
    text = stages.read_text().replace("    for number in range", f"{adding}    for number in range")
    stages.write_text(text)
    shop.path("realise", "base")
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "fixpoint-cache").write_text("1\n")
    names: set[str] = set()
    built = threading.Event()
    waited: list[bool] = []

    def hold(handler: Handler) -> bool:
        if handler.name.startswith("by-key/"):
            names.add(handler.name)
            if len(names) == 3:  # those of the pair and of the slow one came first
                waited.append(built.wait(12))
        return False

    with serving(empty) as web:
        web.instead = hold
        process = shop.start("realise", "above", "slow", "--cache", web.url, "--jobs", "2")
        assert process.stderr is not None
        for line in process.stderr:
            if "built slow" in line:
                built.set()
        assert process.wait() == 0
    assert waited == [True]
