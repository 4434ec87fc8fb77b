"""Realising, with real builds in real sandboxes: output for a user, and the files that survive."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import pytest

from store.system import kernel
from tests import memory
from tests.integration.conftest import TOP, MakeDisk, Shop, copy_store, others_path
from tests.recipes.copies import copy_recipes

Taker = Callable[["subprocess.Popen[str]"], "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def shop(seeded: Path, pytestconfig: pytest.Config) -> Iterator[Shop]:
    """A store of this module's own, on the disk."""
    folder = memory.on_disk(pytestconfig).mktemp("on-disk")
    yield Shop(copy_store(seeded, folder / "root"))
    memory.remove(folder)


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Poll until true; a test's failure otherwise."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def builders(shop: Shop) -> list[int]:
    """Processes in whose mounts a work folder of the store is."""
    return [int(pid) for pid in filter(str.isdigit, os.listdir("/proc")) if _works_for(shop, pid)]


def _works_for(shop: Shop, pid: str) -> bool:
    try:
        lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    except OSError:
        return False
    for line in lines:
        # The mounted folder, from the top of its own file system.
        above, found, _ = line.split()[3].partition("/tmp/work-")
        if found and str(shop.root).endswith(above):
            return True
    return False


def asleep(shop: Shop) -> bool:
    """Return whether the toy ``sleeps`` runs, and has said so."""
    return bool(builders(shop)) and "asleep" in shop.run("log", "sleeps").stdout


# -- success ----------------------------------------------------------------------------------


def test_the_path_is_all_that_goes_to_standard_output(shop: Shop) -> None:
    first = shop.run("realise", "hello")
    assert first.returncode == 0, first.stderr
    assert re.fullmatch(r"/store/[0-9a-z]{32}-hello\n", first.stdout)
    again = shop.run("realise", "hello")
    assert again.stdout == first.stdout
    assert again.stderr == ""


def test_objects_are_read_only_and_timeless(shop: Shop) -> None:
    top = shop.physical(shop.path("realise", "hello"))
    modes = {path.name: path.stat().st_mode & 0o7777 for path in [top, *top.rglob("*")]}
    assert set(modes.values()) == {0o555}
    linked = shop.physical(shop.path("realise", "itself"))
    everything = [top, *top.rglob("*"), linked, *linked.rglob("*")]
    assert {path.lstat().st_mtime for path in everything} == {1.0}


def test_a_built_program_runs_where_the_store_is_at_its_place(shop: Shop) -> None:
    shop.path("realise", "hello")
    assert shop.path("run", "hello") == "hello"
    assert shop.path("run", "hello", "--", "/bin/sh", "-c", "hello | tr a-z A-Z") == "HELLO"
    failing = shop.run("run", "hello", "--", "/bin/sh", "-c", "exit 9")
    assert failing.returncode == 9


@pytest.mark.parametrize(
    ("word", "code"), [("none", 127), ("/none/there", 127), ("/etc/passwd", 126), ("/", 126)]
)
def test_a_command_that_cannot_be_run_ends_as_in_a_shell(shop: Shop, word: str, code: int) -> None:
    shop.path("realise", "hello")
    done = shop.run("run", "hello", "--", word)
    assert done.returncode == code
    assert word in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_object_that_names_itself_has_its_final_path_inside(shop: Shop) -> None:
    path = shop.path("realise", "itself")
    top = shop.physical(path)
    assert (top / "where").read_text() == f"I live at {path}\n"
    assert os.readlink(top / "link") == f"{path}/where"
    info = json.loads(shop.path("info", "--json", "itself"))
    assert info["refers_to_itself"] is True
    assert info["references"] == []
    assert shop.run("verify", "itself").returncode == 0


def test_outputs_may_refer_to_each_other_but_not_in_a_knot(shop: Shop) -> None:
    out, lib = shop.path("realise", "pair^out"), shop.path("realise", "pair^lib")
    assert lib.endswith("-pair-lib")
    assert (shop.physical(out) / "text").read_text().strip() == lib
    assert os.readlink(shop.physical(out) / "lib") == lib
    assert shop.path("closure", "pair^out").split() == sorted([out, lib])
    assert shop.path("why", out, lib).splitlines()[-1].endswith(lib)
    assert shop.run("verify", out, lib).returncode == 0
    assert shop.path("realise", "pair^*").split() == [out, lib]
    assert shop.path("realise", "pair^lib,out").split() == [lib, out]
    assert shop.path("closure", "pair^*").split() == sorted([out, lib])
    assert shop.run("realise", "pair^").returncode == 12
    assert shop.run("info", "pair^*").returncode == 2
    knot = shop.run("realise", "knot")
    assert knot.returncode == 33
    assert "cycle" in knot.stderr


def test_several_goals_json_dry_run_and_link(shop: Shop, tmp_path: Path) -> None:
    plan = shop.run("realise", "--dry-run", "--json", "cores")
    assert [json.loads(line)["name"] for line in plan.stdout.splitlines()] == ["cores"]
    assert json.loads(plan.stdout)["action"] == "build"
    done = shop.run("realise", "--json", "--cores", "3", "hello", "cores")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["package"] for record in records] == ["hello", "cores"]
    assert Path(records[1]["physical"]).read_text() == "3\n"
    assert shop.path("realise", "--dry-run", "cores") == "nothing to do"
    link = tmp_path / "result"
    shop.path("realise", "hello", "--out-link", str(link))
    assert os.readlink(link) == records[0]["physical"]
    assert shop.path("info", "--json", str(link)) == shop.path("info", "--json", "hello")


# A line of usual words runs without click, any other one loads it; both read the index.
@pytest.mark.parametrize(
    ("module", "line"), [("lmdb", ("list",)), ("click", ("list", "--json"))], ids=["plain", "click"]
)
def test_an_interruption_while_modules_are_loaded_is_no_traceback(
    shop: Shop, tmp_path: Path, module: str, line: tuple[str, ...]
) -> None:
    """The module interrupts its own loading; where nothing loads it, the line succeeds."""
    (tmp_path / f"{module}.py").write_text("import os\nos.kill(os.getpid(), 2)\nimport gone\n")
    early = replace(shop, env={"PYTHONPATH": f"{tmp_path}:{TOP}"})
    done = early.run(*line)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "store: interrupted\n")


def test_a_store_where_nothing_can_be_executed_is_said_to_be_one(
    seeded: Path, small_disk: MakeDisk
) -> None:
    place = small_disk(400)
    kernel.mount("tmpfs", str(place), None, kernel.MS_REMOUNT | kernel.MS_NOEXEC)
    there = Shop(copy_store(seeded, place / "root"))
    done = there.run("realise", "hello")
    assert done.returncode == 40, done.stderr
    assert "noexec" in done.stderr


def test_an_empty_root_is_not_taken_for_the_default(shop: Shop) -> None:
    done = shop.run("--root", "", "list")
    assert done.returncode == 2
    assert done.stderr.startswith("store: --root needs a folder")


def test_the_number_of_cores_is_not_part_of_identity(shop: Shop) -> None:
    one = shop.run("realise", "--dry-run", "--cores", "1", "hello")
    assert one.stdout == "nothing to do\n"


def test_what_is_built_from_equal_objects_is_not_built_again(shop: Shop, tmp_path: Path) -> None:
    before = shop.path("realise", "downstream")
    other = replace(shop, recipes=copy_recipes("toys", tmp_path, note="a comment"))
    after = other.run("realise", "downstream")
    assert after.stdout.strip() == before
    assert "built upstream" in after.stderr
    assert "built downstream" not in after.stderr


def test_a_lost_object_is_built_again_and_found_to_be_the_same(shop: Shop) -> None:
    path = shop.path("realise", "upstream")
    shop.physical(path).unlink()
    again = shop.run("realise", "upstream")
    assert again.stdout.strip() == path
    assert "built upstream" in again.stderr


def test_an_output_is_found_whatever_mode_its_folder_was_left_with(shop: Shop) -> None:
    done = shop.run("realise", "--jobs", "1", "shuts", "itself")
    assert done.returncode == 0, done.stderr


# -- failure ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("package", "code", "says"),
    [
        ("fails", 31, "exit status 7"),
        ("killed", 31, "SIGKILL"),
        ("forgets", 32, "'out'"),
        ("fifo", 33, "a fifo"),
        ("wrong-hash", 21, "0" * 64),
        ("unreachable", 22, "127.0.0.1:9"),
        ("not-there", 22, "not-there.tar.gz: 404"),
        ("helo", 11, "hello"),
        ("hello^doc", 12, "its outputs: out"),
    ],
)
def test_each_failure_has_one_message_and_its_own_exit_code(
    shop: Shop, package: str, code: int, says: str
) -> None:
    done = shop.run("realise", package)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failing_build_shows_the_end_of_its_log_and_how_to_get_the_rest(shop: Shop) -> None:
    done = shop.run("realise", "fails")
    assert "| the last word" in done.stderr
    assert "`store log fails`" in done.stderr
    assert shop.path("log", "fails") == "line 1\nline 2\nline 3\nthe last word"


def test_a_file_with_the_wrong_hash_is_kept_aside(shop: Shop) -> None:
    done = shop.run("realise", "wrong-hash")
    kept = re.search(r"kept at (\S+)", done.stderr)
    assert kept is not None
    assert Path(kept[1]).read_bytes() == Path("/etc/passwd").read_bytes()


def test_a_source_that_moved_is_fetched_from_its_new_place(shop: Shop, tmp_path: Path) -> None:
    path = shop.path("realise", "note")
    assert shop.path("realise", "--dry-run", "note") == "nothing to do"

    def moved(to: Path) -> subprocess.CompletedProcess[str]:
        copy = copy_recipes("toys", tmp_path / f"to-{to.name}", note_place=str(to))
        return replace(shop, recipes=copy).run("realise", "note")

    gone = moved(tmp_path / "gone")
    assert gone.returncode == 22, "the old file must not hide that the new place has none"
    (tmp_path / "other").write_text("something else\n")
    assert moved(tmp_path / "other").returncode == 21
    (tmp_path / "same").write_bytes(shop.physical(path).read_bytes())
    again = moved(tmp_path / "same")
    assert again.stdout.strip() == path
    assert "fetched note.txt" in again.stderr


def test_offline_names_what_it_would_need(shop: Shop) -> None:
    done = shop.run("realise", "--offline", "unreachable")
    assert done.returncode == 23
    assert "http://127.0.0.1:9/nowhere" in done.stderr


def test_keep_going_finishes_what_a_failure_allows(shop: Shop) -> None:
    done = shop.run("realise", "--keep-going", "--jobs", "1", "after-failure", "random")
    assert done.returncode == 31
    assert "built random" in done.stderr
    assert "building after-failure" not in done.stderr


def test_a_kept_tree_can_be_entered(shop: Shop) -> None:
    done = shop.run("realise", "--keep-failed", "fails")
    kept = re.search(r"`store enter (\S+)`", done.stderr)
    assert kept is not None, done.stderr
    inside = shop.run("enter", kept[1], "--command", "pwd; id -u; exit 5")
    assert inside.stdout.split() == ["/build", "1000"]
    assert inside.returncode == 5


def test_time_limits(shop: Shop) -> None:
    long = shop.run("realise", "--timeout", "1", "sleeps")
    assert long.returncode == 34, long.stderr
    silent = shop.run("realise", "--max-silent-time", "1s", "sleeps")
    assert silent.returncode == 35, silent.stderr
    assert builders(shop) == []


# -- interruption and concurrency ---------------------------------------------------------------


def test_ctrl_c_stops_everything_and_keeps_what_was_finished(shop: Shop, started: Taker) -> None:
    process = started(shop.start("realise", "--jobs", "2", "--cores", "2", "random", "sleeps"))
    wait_for(lambda: asleep(shop))
    assert builders(shop)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert builders(shop) == []
    assert not list((shop.root / "tmp").iterdir())
    assert shop.path("realise", "--dry-run", "random") == "nothing to do"


def test_a_killed_scheduler_leaves_no_process_no_lock_and_no_litter(
    shop: Shop, started: Taker
) -> None:
    process = started(shop.start("realise", "sleeps"))
    wait_for(lambda: asleep(shop))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    wait_for(lambda: builders(shop) == [])
    done = shop.run("realise", "--timeout", "1", "sleeps")
    assert done.returncode == 34, "the lock was free"
    assert not list((shop.root / "tmp").iterdir()), "what the killed one left is gone too"


def test_two_processes_build_the_same_thing_once(shop: Shop, started: Taker) -> None:
    first = started(shop.start("realise", "slow"))
    wait_for(lambda: bool(builders(shop)))
    held = builders(shop)
    for pid in held:  # the build lasts until the other process has met it
        os.kill(pid, signal.SIGSTOP)
    second = started(shop.start("realise", "slow"))
    assert second.stderr is not None
    heard = iter(second.stderr.readline, "")
    told = [*takewhile(lambda line: "waiting for another process" not in line, heard)]
    for pid in held:
        os.kill(pid, signal.SIGCONT)
    (out1, err1), (out2, err2) = first.communicate(timeout=120), second.communicate(timeout=120)
    assert out1 == out2 != ""
    assert "built slow" in err1
    assert "built slow" not in "".join(told) + err2


def test_log_follows_a_running_build(shop: Shop, started: Taker) -> None:
    build = started(shop.start("realise", "sleeps"))
    wait_for(lambda: asleep(shop))
    follower = started(shop.start("log", "-f", "sleeps"))
    assert follower.stdout is not None
    assert follower.stdout.readline() == "@phase nap\n"
    assert follower.poll() is None
    os.killpg(build.pid, signal.SIGINT)
    build.communicate(timeout=120)
    assert follower.stdout.read() == "asleep\n"
    assert follower.wait(timeout=120) == 0


def test_a_tampered_object_is_found(shop: Shop) -> None:
    path = shop.physical(shop.path("realise", "itself"))
    (path / "where").chmod(0o644)
    (path / "where").write_text("I was changed\n")
    done = shop.run("verify", "itself")
    assert done.returncode == 2
    assert "content" in done.stdout
    assert str(path / "where") in done.stdout
    # The store is that of all tests.
    assert shop.run("verify", "--repair", "itself").returncode == 0
    assert shop.run("verify", "--contents", "itself").returncode == 0


# -- the recipes themselves -----------------------------------------------------------------------


def test_recipes_that_do_not_evaluate(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "bootstrap-seeds").symlink_to(TOP / "bootstrap-seeds")
    recipes = tmp_path / "broken"
    recipes.mkdir()
    (recipes / "__init__.py").touch()
    (recipes / "stages.py").write_text("def catalogue(seeds, seed):\n    return seeds['none']\n")
    done = replace(shop, recipes=recipes).run("realise", "hello")
    assert done.returncode == 10
    assert f"{recipes}/stages.py:2: KeyError: 'none'" in done.stderr
    assert "Traceback" not in done.stderr


# -- other users -----


def test_a_store_of_someone_else_can_be_read_and_not_written(
    shop: Shop, others_python: str
) -> None:
    path = shop.path("realise", "hello")
    for folder in [shop.root, *shop.root.parents]:
        if folder.stat().st_mode & 0o011 != 0o011:
            folder.chmod(folder.stat().st_mode | 0o011)
    other = replace(
        shop, uid=65534, python=others_python, env={"PYTHONPATH": others_path(), "HOME": "/"}
    )
    assert other.path("realise", "hello") == path
    assert other.path("run", "hello") == "hello"
    done = other.run("realise", "killed")
    assert done.returncode == 55, done.stderr
    assert "belongs to" in done.stderr


def test_an_ordinary_user_builds_in_a_store_of_his_own(shop: Shop, others_python: str) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as home:
        os.chown(home, 65534, 65534)
        environment = {"PYTHONPATH": others_path(), "HOME": home}
        his = Shop(Path(home) / "root", uid=65534, python=others_python, env=environment)
        assert his.path("realise", "hello") == shop.path("realise", "hello")
        assert his.path("run", "hello") == "hello"
        assert his.path("realise", "bare") == shop.path("realise", "bare")


# -- a full disk -----


def test_a_builder_that_fills_the_disk_costs_only_its_own_work(
    seeded: Path, small_disk: MakeDisk
) -> None:
    disk = small_disk(300)
    shop = Shop(copy_store(seeded, disk / "root"))
    hello = shop.path("realise", "hello")
    done = shop.run("realise", "floods")
    # Stopped by the watch, or by the disk itself when it is quicker.
    assert done.returncode in (31, 36, 51), done.stderr
    assert "Traceback" not in done.stderr
    assert not list((shop.root / "tmp").iterdir())
    assert shop.path("realise", "hello") == hello
    assert shop.path("realise", "itself")
    assert shop.run("verify").returncode == 0


def test_a_store_without_room_says_so(seeded: Path, small_disk: MakeDisk) -> None:
    disk = small_disk(300)
    shop = Shop(copy_store(seeded, disk / "root"))
    shop.path("realise", "hello")
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(1 << 20))
    big = disk.parent / "big"
    big.write_bytes(os.urandom(1 << 20))
    done = shop.run("add", str(big))
    assert done.returncode == 36, done.stderr
    assert "does not fit" in done.stderr
    assert shop.path("run", "hello") == "hello", "what is there can be used on a full disk"
    filler.unlink()
    assert shop.run("add", str(big)).returncode == 0
    assert shop.run("verify").returncode == 0


# -- a kernel that says no -----


WITHOUT_NAMESPACES = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
uid, gid = os.geteuid(), os.getegid()
if libc.unshare(0x10000000):
    sys.exit(77)
for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
    with open(f"/proc/self/{name}", "w") as stream:
        stream.write(text)
with open("/proc/sys/user/max_user_namespaces", "w") as stream:
    stream.write("0")
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_switched_off_user_namespaces_are_named_with_their_setting(shop: Shop) -> None:
    words = shop.command("realise", "slow-failure")[1:]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_NAMESPACES, *words],
        env=shop.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip("cannot make the user namespace in which they are switched off")
    assert done.returncode == 40, done.stderr
    assert "user.max_user_namespaces is 0" in done.stderr
    assert "sysctl" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_input_that_refers_to_what_its_stage_shuns_is_refused(shop: Shop) -> None:
    upstream = shop.path("realise", "upstream")
    done = shop.run("realise", "strict")
    assert done.returncode == 37
    assert f"strict would be built with {upstream} in its sandbox" in done.stderr
    assert "store why" in done.stderr


def test_an_object_that_a_trusted_package_came_out_as_too_is_not_shunned(shop: Shop) -> None:
    upstream = shop.path("realise", "upstream")
    assert shop.run("realise", "lenient").returncode == 37, "what is trusted is not built yet"
    assert shop.path("realise", "upstream-again") == upstream
    shop.path("realise", "lenient")


def test_what_an_object_refers_to_and_is_lost_is_made_anew(shop: Shop) -> None:
    out, lib = shop.path("realise", "pair^*").split()
    kept = shop.physical(lib).read_bytes()
    shop.physical(lib).unlink()
    planned = shop.run("realise", "--dry-run", "pair^out")
    assert f"missing from the disk, and made anew: {lib}" in planned.stderr
    assert shop.run("run", "pair^out", "--", "true").returncode == 15
    done = shop.run("realise", "pair^out")
    assert (done.returncode, done.stdout.strip()) == (0, out), done.stderr
    assert f"missing from the disk, and made anew: {lib}" in done.stderr
    assert shop.physical(lib).read_bytes() == kept
    assert shop.run("verify", "--contents", out, lib).returncode == 0


def test_what_an_input_left_behind_and_is_lost_is_made_anew(shop: Shop) -> None:
    upper, lower = shop.path("realise", "downstream"), shop.path("realise", "upstream")
    assert lower in shop.path("closure", upper).split()
    shop.physical(lower).unlink()
    done = shop.run("realise", "downstream")
    assert (done.returncode, done.stdout.strip()) == (0, upper), done.stderr
    assert f"missing from the disk, and made anew: {lower}" in done.stderr
    assert "[1/1] built upstream" in done.stderr
    assert shop.run("verify", "--contents", upper, lower).returncode == 0
