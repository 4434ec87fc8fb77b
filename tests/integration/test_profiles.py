"""``store profile`` on small recipes: packages come and go, and programs start on this host."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.faults.subjects import small_recipes
from tests.integration.conftest import MakeDisk, Shop, open_to_others, others_path


@pytest.fixture
def small(archive: Path, tmp_path: Path) -> Shop:
    """A store of a test's own, with the small recipes; nothing is built yet."""
    return Shop(tmp_path / "root", small_recipes(tmp_path, archive))


def ok(shop: Shop, *words: str) -> str:
    """The output of a command that must succeed."""
    done = shop.run("profile", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def names(shop: Shop, *options: str) -> list[str]:
    """The names of the installed packages."""
    lines = ok(shop, "list", "--json", *options).splitlines()
    return [json.loads(line)["name"] for line in lines]


def records(shop: Shop, *words: str) -> list[dict[str, Any]]:
    """The JSON lines that a command prints."""
    return [json.loads(line) for line in ok(shop, *words, "--json").splitlines()]


def refused(shop: Shop, code: int, *words: str) -> str:
    """The error of a command that must fail with this code, in one message and one hint."""
    done = shop.run("profile", *words)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert done.stderr.count("store: ") == 1
    assert "unforeseen" not in done.stderr
    return done.stderr


def program(shop: Shop, place: Path, name: str, text: str) -> str:
    """An object with one script in ``bin``; its path."""
    (place / "bin").mkdir(parents=True)
    (place / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
    (place / "bin" / name).chmod(0o755)
    return shop.path("add", str(place))


def test_a_shell_gets_no_path_that_is_no_profile(small: Shop, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("/nonexistent")
    small.path("add", str(tmp_path / "file"))
    for name in ("file", "link"):
        assert "is no profile" in refused(small, 2, "env", "-p", str(tmp_path / name))
    assert "export PATH=" in ok(small, "env", "-p", str(tmp_path / "later"))


def test_packages_come_and_go_in_generations(small: Shop) -> None:
    assert ok(small, "install", "base") == "+ base 1\n"
    assert ok(small, "install", "item-1") == "+ item-1 1\n"
    assert ok(small, "install", "item-1") == ""  # it is there
    assert ok(small, "remove", "base") == "- base 1\n"
    assert names(small) == ["item-1"]
    assert ok(small, "rollback") == "+ base 1\n"
    assert names(small) == ["base", "item-1"]
    assert ok(small, "switch", "3") == "- base 1\n"
    history = records(small, "history")
    assert [(each["generation"], each["current"]) for each in history] == [
        *((1, False), (2, False), (3, True))
    ]
    assert [each["changes"][0]["change"] for each in history] == ["added", "added", "removed"]
    assert ok(small, "diff") == "- base 1\n"
    assert ok(small, "diff", "1") == "- base 1\n+ item-1 1\n"
    assert records(small, "diff", "3", "2")[0]["after"]["name"] == "base"
    assert small.run("gc").returncode == 0
    assert ok(small, "switch", "1") == "+ base 1\n- item-1 1\n"
    ok(small, "remove", "base")
    assert names(small) == []
    assert small.run("verify", "--contents").returncode == 0


def test_outputs_and_objects_can_be_installed(small: Shop, tmp_path: Path) -> None:
    path = program(small, tmp_path / "greeter", "greet", "echo hi")
    ok(small, "install", path)
    ok(small, "install", "pair^out")
    listed = records(small, "list")
    assert [(each["name"], each["request"]) for each in listed] == [
        *(("greeter", path), ("pair", "pair^out"))
    ]
    assert "as pair^out" in ok(small, "list")


def test_a_conflict_is_refused_with_both_names_or_settled(small: Shop) -> None:
    ok(small, "install", "item-1")
    error = refused(small, 19, "install", "item-2")
    assert "'item-1' and 'item-2' have different files at 'text'" in error
    assert "--priority" in error
    assert names(small) == ["item-1"]
    ok(small, "install", "item-2", "--priority", "4")
    target = os.readlink(small.root / "profiles" / "default" / "text")
    assert target.endswith("-item-2/text")
    assert records(small, "list")[1]["priority"] == 4


def test_bad_input_is_one_clear_error_and_changes_nothing(small: Shop, tmp_path: Path) -> None:
    ok(small, "install", "base")
    before = sorted(os.listdir(small.root / "profiles"))
    (tmp_path / "file").write_text("mine")
    elsewhere = ("--profile", str(tmp_path / "file"))
    assert "did you mean base" in refused(small, 11, "install", "bose")
    assert "its outputs: out, lib" in refused(small, 12, "install", "pair^none")
    assert "holds no object" in refused(small, 15, "install", "/store/" + "0" * 32 + "-none")
    assert "is a file, and a profile" in refused(small, 2, "install", "above")
    assert "did you mean base?" in refused(small, 15, "remove", "bse")
    assert "nothing was changed" in refused(small, 15, "remove", "base", "item-1")
    assert "its generations: 1" in refused(small, 15, "switch", "7")
    assert "before the current one" in refused(small, 15, "rollback")
    assert "before the current one" in refused(small, 15, "diff")
    for words in (["install", "base"], ["list"], ["history"], ["rollback"]):
        assert "is no profile" in refused(small, 2, *words, *elsewhere)
    assert "does not exist" in refused(small, 2, "install", "base", "-p", "/nowhere/p")
    assert "are both called 'pair'" in refused(small, 2, "install", "pair^out", "pair^lib")
    assert sorted(os.listdir(small.root / "profiles")) == before
    assert (tmp_path / "file").read_text() == "mine"


def test_a_profile_of_ones_own_is_apart(small: Shop, tmp_path: Path) -> None:
    mine = str(tmp_path / "mine")
    ok(small, "install", "base", "--profile", mine)
    assert names(small, "--profile", mine) == ["base"]
    assert names(small) == []
    assert sorted(each.name for each in tmp_path.glob("mine*")) == ["mine", "mine-1-link"]
    small.env["STORE_PROFILE"] = mine
    assert names(small) == ["base"]


def test_programs_start_as_where_the_store_is_the_real_one(small: Shop, tmp_path: Path) -> None:
    see = 'echo "$1 $(pwd)"; ls -d /store/*-seer; grep -ci sigpipe /dev/null; env; exit 3'
    ok(small, "install", program(small, tmp_path / "seer", "see", see))
    folder = small.root / "profiles" / "default" / "launchers"
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "EMPTY": "", "LANG": "C"}
    for command in ([str(folder / "see"), "a b"], ["sh", "-c", 'exec see "a b"']):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 3, done.stderr
        first, found, *rest = done.stdout.splitlines()
        assert first == f"a b {tmp_path}"
        assert found.endswith("-seer")
        told = dict(line.split("=", 1) for line in rest if "=" in line)
        assert told["PATH"] == f"{folder.parent}/bin:/usr/bin:/bin"
        assert told["EMPTY"] == ""
        assert "LC_CTYPE" not in told  # Python adds it where the locale is C


def test_a_launcher_stays_in_a_folder_that_was_removed(small: Shop, tmp_path: Path) -> None:
    see = 'ls -A . | wc -l; touch x 2> /dev/null || echo "not here"'
    ok(small, "install", program(small, tmp_path / "seer", "see", see))
    (tmp_path / "lost").mkdir()
    line = 'cd "$1" && rmdir "$1" && exec "$2"'
    launcher = small.root / "profiles" / "default" / "launchers" / "see"
    words = ["sh", "-c", line, "sh", str(tmp_path / "lost"), str(launcher)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("0\nnot here\n", 0)


def test_a_script_without_a_first_line_is_the_shells(small: Shop, tmp_path: Path) -> None:
    (tmp_path / "old" / "bin").mkdir(parents=True)
    for name, data in (
        ("plain", b'echo "plain $1"; exit 4\n'),
        ("empty", b""),
        ("other", b"\x7fE\0"),
    ):
        (tmp_path / "old" / "bin" / name).write_bytes(data)
        (tmp_path / "old" / "bin" / name).chmod(0o755)
    path = small.path("add", str(tmp_path / "old"))
    ok(small, "install", path)
    folder = small.root / "profiles" / "default" / "launchers"
    ways = {"launcher": [str(folder / "{}")], "run": [*small.command("run", path, "--"), "{}"]}
    for way, words in ways.items():
        shown = {}
        for name in ("plain", "empty", "other"):
            command = [word.format(name) for word in words]
            done = subprocess.run([*command, "a b"], capture_output=True, text=True, check=False)
            shown[name] = (done.stdout, done.returncode)
        assert shown == {"plain": ("plain a b\n", 4), "empty": ("", 0), "other": ("", 126)}, way


def changed(shop: Shop, old: str, new: str) -> None:
    """Change the text of the recipes."""
    file = Path(shop.recipes) / "stages.py"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def newer(shop: Shop, *, files: bool = True) -> None:
    """Bring all recipes to version 2, and another file to ``base``."""
    changed(shop, 'node.digest, "1"', 'node.digest, "2"')
    if files:
        changed(shop, ' ln -s "$out/where"', ' : > "$out/new"; ln -s "$out/where"')


def test_an_upgrade_shows_its_work_and_does_it(small: Shop, tmp_path: Path) -> None:
    ok(small, "install", "base", "item-1", program(small, tmp_path / "greeter", "greet", "echo hi"))
    assert ok(small, "upgrade") == ""
    newer(small)
    before = records(small, "list")
    shown = ok(small, "upgrade", "--dry-run")
    assert "base 1 → 2: to build" in shown
    listed = [line.split()[0] for line in shown.partition("to build:\n")[2].splitlines()]
    assert listed == ["base", "item-0", "item-1"]
    planned = {each["name"]: each for each in records(small, "upgrade", "-n")}
    actions = {"base": "build", "greeter": "keep", "item-1": "build"}
    assert {name: each["action"] for name, each in planned.items()} == actions
    assert records(small, "list") == before
    done = small.run("profile", "upgrade")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("base 1 → 2: to build\nitem-1 1 → 2: to build\n")
    assert "is at generation 2" in done.stderr
    assert [each["version"] for each in records(small, "list")] == ["2", "", "2"]
    assert (small.root / "profiles" / "default" / "new").is_symlink()
    assert "base 1 → 2" in ok(small, "history")


def test_one_package_alone_is_upgraded_and_lost_recipes_are_kept(small: Shop) -> None:
    ok(small, "install", "base", "item-1", "--priority", "3")
    newer(small)
    ok(small, "upgrade", "base")
    found = records(small, "list")
    assert [(each["version"], each["priority"]) for each in found] == [("2", 3), ("1", 3)]
    changed(small, 'f"item-{', 'f"thing-{')
    assert "item-1 1: kept, as no recipe has this name" in ok(small, "upgrade")
    assert "no recipe makes it any more" in refused(small, 11, "upgrade", "item-1")
    assert names(small) == ["base", "item-1"]


def test_a_new_version_with_the_same_files_is_a_step(small: Shop) -> None:
    ok(small, "install", "base")
    newer(small, files=False)
    assert "base 1 → 2: the same files" in ok(small, "upgrade")
    assert [each["version"] for each in records(small, "list")] == ["2"]


def test_packages_come_from_caches_with_their_sizes(bert: Shop, anne: Shop, tmp_path: Path) -> None:
    anne.path("push", "--to", f"file://{tmp_path}/cache", "base")
    cache = ("--cache", f"file://{tmp_path}/cache")
    ok(bert, "install", "base", *cache)
    assert names(bert) == ["base"]
    newer(anne)
    newer(bert)
    assert anne.run("realise", "base").returncode == 0
    anne.path("push", "--to", f"file://{tmp_path}/cache", "base")
    (planned,) = records(bert, "upgrade", "-n", *cache)
    assert planned["action"] == "download"
    assert planned["download"] > 0
    assert planned["size_after"] > 0
    shown = ok(bert, "upgrade", *cache)
    assert "base 1 → 2: from caches" in shown
    assert "to download" in shown


def test_old_generations_go_by_number_and_age(small: Shop) -> None:
    ok(small, "install", "base")
    ok(small, "install", "item-1")
    ok(small, "remove", "base")
    assert ok(small, "delete-old", "-n") == "1\n2\n"
    assert ok(small, "delete-old", "--keep-generations", "30d") == ""
    assert ok(small, "delete-old", "--keep-generations", "2") == "1\n"
    ok(small, "rollback")
    assert ok(small, "delete-old") == "3\n"
    assert [each["generation"] for each in records(small, "history")] == [2]
    done = small.run("profile", "delete-old", "--keep-generations", "x")
    assert done.returncode == 2
    assert "is no number or age" in done.stderr


def test_the_collector_deletes_old_generations_first(small: Shop) -> None:
    ok(small, "install", "base")
    ok(small, "install", "item-1")
    ok(small, "remove", "item-1")
    profile = small.root / "profiles" / "default"
    planned = small.run("gc", "-n", "--keep-generations", "1")
    assert f"would delete 2 generations of {profile}: 1, 2" in planned.stdout
    assert "-item-1\n" in planned.stdout
    assert "-base\n" not in planned.stdout
    assert len(records(small, "history")) == 3
    (small.root / "config.toml").write_text('[collect]\nkeep-generations = "1"\n')
    done = small.run("gc", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])["summary"]
    assert summary["generations"] == {str(profile): [1, 2]}
    assert [each["generation"] for each in records(small, "history")] == [3]
    assert {name.partition("-")[2] for name in os.listdir(small.root / "store")} == {
        *("base", "profile")
    }


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "fish", "dash", "busybox"])
def test_a_shell_finds_the_programs_and_twice_is_once(
    shell: str, small: Shop, tmp_path: Path
) -> None:
    words = ["busybox", "sh"] if shell == "busybox" else [shell]
    if shutil.which(words[0]) is None:
        pytest.skip(f"there is no {words[0]} here")
    mine = str(tmp_path / "it's mine")
    path = program(small, tmp_path / "greeter", "greet", "echo hi")
    ok(small, "install", path, "-p", mine)
    kind = shell if shell in ("bash", "zsh", "fish") else "sh"
    lines = ok(small, "env", "--shell", kind, "-p", mine)
    script = f"{lines}{lines}greet; echo $PATH"
    done = subprocess.run(
        [*words, "-c", script],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("hi\n")
    assert done.stdout.count("launchers") == 1


def test_two_that_install_at_once_both_succeed(small: Shop, tmp_path: Path) -> None:
    paths = [program(small, tmp_path / f"p{number}", f"run{number}", "true") for number in range(6)]
    running = [small.start("profile", "install", path) for path in paths]
    seen = set()
    while any(each.poll() is None for each in running):
        with contextlib.suppress(FileNotFoundError):  # not there yet
            seen.add(len(os.listdir(small.root / "profiles" / "default" / "launchers")))
        time.sleep(0.01)
    for each in running:
        _, error = each.communicate()
        assert each.returncode == 0, error
    assert names(small) == [f"p{number}" for number in range(6)]
    assert [each["generation"] for each in records(small, "history")] == [1, 2, 3, 4, 5, 6]
    assert seen <= {1, 2, 3, 4, 5, 6}


def test_those_that_switch_to_and_fro_leave_one_of_both(small: Shop, tmp_path: Path) -> None:
    for number in range(2):
        ok(small, "install", program(small, tmp_path / f"p{number}", f"run{number}", "true"))
    running = [small.start("profile", "switch", str(1 + number % 2)) for number in range(6)]
    while any(each.poll() is None for each in running):
        listed = os.listdir(small.root / "profiles" / "default" / "launchers")
        assert sorted(listed) in (["run0"], ["run0", "run1"])
    assert [each.communicate()[1] for each in running if each.returncode] == []
    assert small.run("verify").returncode == 0


@pytest.mark.parametrize("free", [0, 4096, 16384, 65536, 262144, 1 << 20])
def test_on_a_full_disk_the_old_generation_stays(
    free: int, small_disk: MakeDisk, archive: Path, tmp_path: Path
) -> None:
    disk = small_disk(48)
    small = Shop(disk / "root", small_recipes(tmp_path, archive))
    ok(small, "install", program(small, tmp_path / "one", "one", "true"))
    other = program(small, tmp_path / "two", "two", "true")
    at = os.statvfs(disk)
    with open(disk / "filler", "wb") as stream:
        stream.truncate(0)
        os.posix_fallocate(stream.fileno(), 0, max(at.f_bavail * at.f_frsize - free, 4096))
    done = small.run("profile", "install", other)
    listed = names(small)
    assert (done.returncode, listed) in [(0, ["one", "two"]), (51, ["one"]), (36, ["one"])]
    assert "unforeseen" not in done.stderr
    (disk / "filler").unlink()
    ok(small, "install", other)
    assert names(small) == ["one", "two"]
    assert small.run("verify", "--contents").returncode == 0


def seen_by(command: Sequence[str | Path], **options: Any) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, **options)
    return str(done.stdout)


LOOK = (
    "cut -d' ' -f5,6 /proc/self/mountinfo | sort; ls -l / | tail -n +2 | cut -c1; id; pwd;"
    " touch /store/x 2>/dev/null || echo closed; mkdir /new 2>/dev/null || echo closed; ulimit -n;"
    ' grep "^Sig[BIC]" /proc/self/status'
)


@pytest.mark.parametrize("user", [None, 65534])
def test_a_launcher_gives_the_view_that_run_gives(
    user: int | None, small: Shop, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = program(small, tmp_path / "looker", "look", LOOK)
    if user is not None:
        small.python = request.getfixturevalue("others_python")
        open_to_others(tmp_path)
        small.env["PYTHONPATH"] = others_path()
        subprocess.run(["chown", "-R", str(user), small.root], check=True)
        small.uid = user
    ok(small, "install", path)
    launcher = small.root / "profiles" / "default" / "launchers" / "look"
    by_launcher = seen_by([launcher], user=user, cwd="/usr")
    by_run = seen_by(
        small.command("run", path, "--", "look"), env=small.environment(), user=user, cwd="/usr"
    )
    assert by_launcher == by_run
    assert by_launcher.count("closed") == 2


def test_a_launcher_starts_through_links_and_inside_others(small: Shop, tmp_path: Path) -> None:
    ok(small, "install", program(small, tmp_path / "a", "inner", "echo inner; ls -d /store/*-a"))
    ok(small, "install", program(small, tmp_path / "b", "outer", "exec inner"))
    folder = small.root / "profiles" / "default" / "launchers"
    (tmp_path / "mine").symlink_to(folder / "inner")
    (tmp_path / "again").symlink_to("mine")
    environment = {"PATH": f"{folder}/:/usr/bin:/bin"}
    for command in (["./again"], [str(folder / "outer")], [str(folder / "inner")]):
        assert seen_by(command, cwd=tmp_path, env=environment).startswith("inner\n/store/")
    (tmp_path / "wrong").symlink_to(small.root / "launcher")
    done = subprocess.run([tmp_path / "wrong"], capture_output=True, text=True, check=False)
    assert done.returncode == 126
    assert "cannot start" in done.stderr


def test_without_namespaces_a_launcher_names_the_cause(small: Shop, tmp_path: Path) -> None:
    ok(small, "install", program(small, tmp_path / "a", "inner", "true"))
    launcher = small.root / "profiles" / "default" / "launchers" / "inner"
    strace = ["strace", "-qq", "-o", "/dev/null", "-e", "inject=unshare:error=EPERM"]
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    done = subprocess.run([*strace, launcher], capture_output=True, text=True, check=False)
    assert done.returncode == 40
    assert "the kernel refuses unshare" in done.stderr
    assert "store run" in done.stderr


def test_an_empty_profile_says_so_and_another_stores_names_its_link(
    small: Shop, tmp_path: Path
) -> None:
    ok(small, "install", "base", "--profile", str(tmp_path / "mine"))
    done = [small.run("profile", word) for word in ("list", "history")]
    assert [each.returncode for each in done] == [0, 0]
    assert [each.stdout for each in done] == ["", ""]
    assert "has no packages" in done[0].stderr
    assert "has no generation yet" in done[1].stderr
    ok(small, "install", "base")
    other = Shop(tmp_path / "other", small.recipes)
    assert other.run("add", str(tmp_path / "small")).returncode == 0
    error = refused(other, 15, "list", "-p", str(small.root / "profiles" / "default"))
    assert f"its link leads to '{small.root}/store/" in error
    assert "--root" in error
