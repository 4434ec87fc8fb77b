"""Real damage to real stores: found, repaired from where it can be, and nothing ever deleted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from store.jobs.tokens import TokenPool
from store.local.store import Store
from store.model.names import ObjectId
from store.substitute.own_links import SharedFiles
from store.system import kernel
from store.verify.object_repair import ObjectRepair
from tests.faults.subjects import pack_rootfs, small_recipes
from tests.integration.conftest import Shop, others_path


@pytest.fixture(scope="module")
def builder(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A store of this module's own to which the userland was taken, and toys were built."""
    own = replace(shop, root=tmp_path_factory.mktemp("repair") / "root")
    userland = shop.path("realise", "userland")
    kept = tmp_path_factory.mktemp("links") / "userland"
    taken = own.run(
        *("import", "--trust-unsigned", userland, "--from", str(shop.root), "-o", str(kept))
    )
    assert taken.returncode == 0, taken.stderr
    for toy in ("hello", "pair", "downstream", "itself", "note"):
        own.path("realise", toy)
    return own


@pytest.fixture
def own(tmp_path: Path) -> Shop:
    """An empty store."""
    return Shop(tmp_path / "root")


@pytest.fixture
def small(tmp_path: Path) -> Shop:
    """An empty store for small recipes, whose root file system is an archive on this machine."""
    archive = tmp_path / "small-rootfs.tar"
    pack_rootfs(archive)
    return Shop(tmp_path / "root", small_recipes(tmp_path, archive))


def found(shop: Shop, name: str) -> str:
    """The one object of this name."""
    (path,) = (shop.root / "store").glob(f"{'?' * 32}-{name}")
    return f"/store/{path.name}"


def in_a_child(work: Callable[[], object]) -> int:
    """The exit code of a child that does it, negative for a signal."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


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
    """Take an object away."""
    for folder, folders, _ in os.walk(path):
        for name in (".", *folders):
            os.chmod(os.path.join(folder, name), 0o755)
    shutil.rmtree(path) if path.is_dir() else path.unlink()


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
        remove(builder.physical(path))
    done = builder.run("verify", "--repair")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"repaired: {upstream} (from building again)" in done.stdout
    assert f"repaired: {downstream} (from building again)" in done.stdout
    assert "[2] built downstream in " in done.stderr
    check_clean(builder)


def test_what_built_it_must_be_there_and_its_result_the_same(builder: Shop) -> None:
    random = builder.path("realise", "random")
    flip(builder.physical(random))
    done = builder.run("verify", "--contents", "--repair")
    assert done.returncode == 2
    name = random.rpartition("/")[2]
    assert f"not repaired: {random} (quarantine: {builder.root}/quarantine/{name}-" in done.stdout
    assert "  from building again: the result is " in done.stdout
    (kept,) = (builder.root / "quarantine").glob(f"{name}-*/{name}")
    assert kept.stat().st_size == 16
    # The next build makes it anew, and the store does not name the lost one as needed any more.
    assert builder.run("realise", "random").returncode == 0
    assert builder.run("gc").returncode == 0
    check_clean(builder)
    assert kept.exists()


def test_without_its_inputs_nothing_is_built_again(builder: Shop, tmp_path: Path) -> None:
    upstream = builder.path("realise", "upstream")
    kept = builder.path("realise", "downstream", "-o", str(tmp_path / "kept"))
    own = replace(builder, root=tmp_path / "root")
    assert own.path("import", "--trust-unsigned", kept, "--from", str(builder.root)) == kept
    flip(own.physical(kept))
    done = own.run("verify", "--contents", "--repair")
    assert done.returncode == 2
    why = "an input of its build, is not in this store any more"
    assert why in done.stdout
    assert upstream.rpartition("/")[2] not in done.stdout  # it came along: the userland did not
    done = own.run("verify", "--repair", "--no-rebuild", "--from", str(builder.root))
    assert done.returncode == 0
    assert f"repaired: {kept} (from {builder.root})" in done.stdout


def test_collected_inputs_are_realised_again(small: Shop, tmp_path: Path) -> None:
    above = small.path("realise", "above", "-o", str(tmp_path / "above"))
    assert small.run("gc").returncode == 0
    base, pair, lib = (found(small, name) for name in ("base", "pair", "pair-lib"))
    assert sorted(os.listdir(small.root / "store")) == sorted(
        path.rpartition("/")[2] for path in (above, base, pair, lib)
    )  # neither the root file system nor its archive
    flip(small.physical(above))
    flip(small.physical(base) / "where")
    code, ended = repaired(small)
    assert code == 0
    assert {(item["repaired"], item["from"]) for item in ended} == {
        (above, "building again"),
        (base, "building again"),
    }
    assert small.path("info", "--json", found(small, "small-rootfs"))
    check_clean(small)
    # They are nobody's, and go with the next collection.
    assert small.run("gc").returncode == 0
    assert len(os.listdir(small.root / "store")) == 4


def test_a_collected_input_that_cannot_be_had_again_is_told(small: Shop, tmp_path: Path) -> None:
    above = small.path("realise", "above", "-o", str(tmp_path / "above"))
    assert small.run("gc").returncode == 0
    flip(small.physical(above))
    code, ended = repaired(small, "--offline")
    assert code == 2
    ((reasons,),) = ([item["reasons"]] for item in ended)
    assert isinstance(reasons, dict)
    assert reasons["building again"].startswith("small-rootfs.tar would have to be fetched from ")
    (tmp_path / "small-rootfs.tar").rename(tmp_path / "elsewhere")
    (tmp_path / "above").unlink()
    code, ended = repaired(small)
    ((reasons,),) = ([item["reasons"]] for item in ended)
    assert code == 2
    assert isinstance(reasons, dict)
    assert "small-rootfs.tar" in reasons["building again"]


def test_a_rebuild_waits_for_a_token_of_the_pool(small: Shop) -> None:
    path = small.path("realise", "pair").split()[0]
    flip(small.physical(path) / "text")
    pool = TokenPool(str(small.root / "locks" / "tokens"), 1)
    assert pool.take()
    started = small.start("verify", "--contents", "--repair", "--cores", "1")
    time.sleep(2)
    assert started.poll() is None
    pool.close()
    told, errors = started.communicate(timeout=60)
    assert started.returncode == 0, told + errors
    assert f"repaired: {path} (from building again)" in told


def test_a_rebuild_that_takes_too_long_is_stopped(builder: Shop) -> None:
    slow = builder.path("realise", "slow")
    flip(builder.physical(slow))
    done = builder.run("verify", "--contents", "--repair", "--timeout", "1")
    assert done.returncode == 2
    assert "  from building again: slow ran longer than 1s" in done.stdout
    # Nothing needs the lost one, which came out as nothing else will.
    assert builder.run("gc").returncode == 0
    check_clean(builder)


def test_a_killed_swap_is_cleared_by_the_next_repair(own: Shop, tmp_path: Path) -> None:
    path = own.path("add", tree(tmp_path, "a", "text"))
    other = own.path("add", tree(tmp_path, "b", "text", "more")).rpartition("/")[2]
    unlink(own.physical(path) / "0")

    def repairing() -> None:
        kernel.exchange = lambda one, other: os.kill(os.getpid(), signal.SIGKILL)
        store = Store.open(str(own.root))
        list(ObjectRepair(store, [SharedFiles(store)]).run([ObjectId.from_path(path)]))

    assert in_a_child(repairing) == -signal.SIGKILL
    name = path.rpartition("/")[2]
    assert sorted(os.listdir(own.root / "store")) == sorted([f".{name}", name, other])
    done = own.run("verify")
    why = "of a process that was killed while it put the object in place"
    assert f"leftover: {own.root}/store/.{name} ({why})" in done.stdout
    assert repaired(own)[0] == 0
    assert sorted(os.listdir(own.root / "store")) == sorted([name, other])
    assert os.listdir(own.root / "trash") == os.listdir(own.root / "tmp") == []
    check_clean(own)


# -- from what lies here, and from another store --


def tree(tmp_path: Path, name: str, *contents: str) -> str:
    """A folder with a file of each of the contents."""
    folder = tmp_path / name
    folder.mkdir()
    for number, text in enumerate(contents):
        (folder / str(number)).write_text(text)
    return str(folder)


def test_what_is_missing_is_put_together_from_equal_files(own: Shop, tmp_path: Path) -> None:
    own.path("add", tree(tmp_path, "others", "w", "b"))
    whole, part = (own.path("add", tree(tmp_path, name, name, "b")) for name in ("w", "p"))
    remove(own.physical(whole))
    unlink(own.physical(part) / "1")
    assert own.run("verify").returncode == 2
    code, ended = repaired(own)
    assert code == 0
    assert {(item["repaired"], item["from"]) for item in ended} == {
        (whole, "shared files"),
        (part, "shared files"),
    }
    check_clean(own)


def test_a_damaged_shared_file_is_mended_for_all_that_have_it(own: Shop, tmp_path: Path) -> None:
    first, second = (own.path("add", tree(tmp_path, name, "same", name)) for name in ("a", "b"))
    shutil.copytree(own.root, tmp_path / "other", symlinks=True, copy_function=shutil.copy2)
    flip(own.physical(first) / "0")
    assert (own.physical(second) / "0").read_bytes() == b"rame"
    code, ended = repaired(own, "--from", str(tmp_path / "other"))
    assert code == 0
    # Once the first has a sound one, the second is given it.
    assert {item["from"] for item in ended} == {str(tmp_path / "other"), "shared files"}
    assert (own.physical(first) / "0").samefile(own.physical(second) / "0")
    check_clean(own)


def test_what_nothing_can_give_is_quarantined_with_the_reasons(own: Shop, tmp_path: Path) -> None:
    first, second = (own.path("add", tree(tmp_path, name, "same", name)) for name in ("a", "b"))
    flip(own.physical(first) / "0")
    code, ended = repaired(own)
    assert code == 2
    assert [(item["repaired"], item["from"]) for item in ended] == [(first, None), (second, None)]
    for item in ended:
        name = str(item["repaired"]).rpartition("/")[2]
        assert (Path(str(item["quarantine"])) / name / "0").read_bytes() == b"rame"
        reasons = item["reasons"]
        assert isinstance(reasons, dict)
        assert reasons["shared files"].startswith("there is no sound copy of ")
        assert "was added, and not built" in reasons["building again"]
    assert own.run("add", str(tmp_path / "a"), str(tmp_path / "b")).returncode == 0
    check_clean(own)


def test_an_ordinary_user_repairs_as_well(tmp_path: Path, others_python: str) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    desk = tmp_path / "desk"
    desk.mkdir()
    user = Shop(desk / "root", uid=65534, python=others_python)
    user = replace(user, env={"PYTHONPATH": others_path(), "HOME": "/"})
    path = user_path(desk)
    os.chown(desk, 65534, 65534)
    first = user.path("add", path)
    other = tree(desk, "other", "theirs")
    user.path("add", other)
    remove(user.physical(first))
    code, ended = repaired(user)
    assert (code, [item["from"] for item in ended]) == (0, ["shared files"])
    flip(user.physical(first) / "0")
    assert repaired(user)[0] == 2
    check = user.run("add", path, other)
    assert check.returncode == 0, check.stderr
    check_clean(user)


def user_path(desk: Path) -> str:
    """A folder to add, as others may read it."""
    return tree(desk, "mine", "theirs")


# -- import, optimise --


def test_a_closure_is_imported_whole_or_not_at_all(builder: Shop, own: Shop) -> None:
    upstream, downstream = (builder.path("realise", toy) for toy in ("upstream", "downstream"))
    flip(builder.physical(upstream))
    refused = own.run("import", downstream, "--from", str(builder.root))
    assert refused.returncode not in (0, 2)
    assert upstream.rpartition("/")[2] in refused.stderr
    assert os.listdir(own.root / "store") == []
    assert own.path("verify", "--contents") == ""
    assert repaired(builder)[0] == 0
    assert (
        own.path("import", "--trust-unsigned", downstream, "--from", str(builder.root))
        == downstream
    )
    assert set(own.path("closure", downstream).split()) == {upstream, downstream}
    check_clean(own)
    # Who made them came along, as was asked for.
    assert own.run("info", downstream).returncode == 0


def test_optimise_shares_what_a_copy_has_parted(own: Shop, tmp_path: Path) -> None:
    first, second = (own.path("add", tree(tmp_path, name, "s" * 5000)) for name in ("a", "b"))
    copied = replace(own, root=tmp_path / "copied")
    shutil.copytree(own.root, copied.root, symlinks=True, copy_function=shutil.copy2)
    files = [copied.physical(path) / "0" for path in (first, second)]
    assert not files[0].samefile(files[1])
    done = copied.run("optimise", "--json")
    assert done.returncode == 0
    saved = {line["path"]: line["saved"] for line in map(json.loads, done.stdout.splitlines())}
    assert saved in ({first: 5000}, {second: 5000})
    assert files[0].samefile(files[1])
    assert copied.path("optimise") == ""
    check_clean(copied)


# -- beside others --


def test_beside_a_builder_and_a_collector_there_is_no_false_finding(
    builder: Shop, tmp_path: Path
) -> None:
    source = tree(tmp_path, "a", *(f"file {number}" for number in range(30)))
    until, rounds = time.monotonic() + 4, 0
    while time.monotonic() < until or rounds < 2:
        jobs = [
            builder.command("add", source),
            builder.command("realise", "hello", "pair", "downstream"),
            builder.command("gc", "--json"),
            builder.command("verify", "--contents", "--json"),
        ]
        started = [
            subprocess.Popen(job, env=builder.environment(), stdout=subprocess.PIPE, text=True)
            for job in jobs
        ]
        told = [process.communicate()[0] for process in started]
        assert [process.returncode for process in started] == [0] * len(jobs), told
        rounds += 1
    check_clean(builder)


def test_exit_codes_tell_damage_from_a_store_that_cannot_be_looked_at(
    own: Shop, tmp_path: Path
) -> None:
    path = own.path("add", tree(tmp_path, "a", "text"))
    assert own.run("verify", path).returncode == 0
    flip(own.physical(path) / "0")
    assert own.run("verify").returncode == 0  # bytes are not read
    assert own.run("verify", "--contents").returncode == 2
    assert own.run("verify", "--from", "/nowhere").returncode == 64
    assert own.run("verify", "--what").returncode == 64
    assert own.run("verify", "/store/nothing").returncode == 15
    assert own.run("verify", "--contents", "--repair", "--from", "/nowhere").returncode == 15
    (own.root / "index" / "data.mdb").write_bytes(b"no index" * 1000)
    assert own.run("verify").returncode == 1


def test_an_index_that_is_cut_short_hides_no_other_damage(own: Shop, tmp_path: Path) -> None:
    path = own.path("add", tree(tmp_path, "a", "text"))
    flip(own.physical(path) / "0")
    index = own.root / "index" / "data.mdb"
    for part in (0.01, 0.5, 0.99):
        os.truncate(index, max(8192, int(index.stat().st_size * part)))
        done = own.run("verify", "--contents", "--json")
        assert done.returncode == 1
        assert "store index rebuild" in done.stderr
        kinds = [json.loads(line)["kind"] for line in done.stdout.splitlines()]
        assert kinds[0] == "index"
        assert "content" in kinds
        assert own.run("list", "--objects").returncode == 56
        assert own.run("index", "rebuild").returncode == 0
        done = own.run("verify", "--contents", "--json")
        assert done.returncode == 2
        assert '"index"' not in done.stdout


def test_names_that_are_no_text_are_told_in_any_locale(own: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    (folder / os.fsdecode(b"\xff\nstray: fooled")).write_text("text")
    path = own.path("add", str(folder))
    own.physical(path).chmod(0o755)
    shutil.rmtree(own.physical(path))
    own.physical(path).mkdir()
    own.env["PYTHONIOENCODING"] = "utf-8:strict"
    done = own.run("verify")
    assert done.returncode == 2, done.stderr
    assert not [line for line in done.stdout.splitlines() if line.startswith("stray")]
    assert r"\xff\nstray: fooled" in done.stdout
