"""``store develop``: the sandbox of a build before anything ran."""

from __future__ import annotations

import os
import re

from tests.integration.conftest import Shop


def test_a_phase_is_a_function_in_the_sandbox_of_the_build(shop: Shop) -> None:
    line = 'pwd; ls "$out" 2>/dev/null; phase_build && "$out/bin/hello"; id -u'
    done = shop.run("develop", "hello", "--command", line)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["/build", "hello", "1000"]
    assert not [name for name in os.listdir(shop.root / "tmp") if name.startswith("work-")]


def test_a_phase_that_fails_ends_itself_and_not_the_shell(shop: Shop) -> None:
    done = shop.run("develop", "fails", "-c", "phase_all; echo $?; exit 3")
    assert done.returncode == 3
    assert done.stdout.splitlines()[-1] == "7"


def test_missing_inputs_are_realised_and_no_output_is_kept(shop: Shop) -> None:
    done = shop.run("develop", "downstream", "-c", 'phase_build; cut -d" " -f1 "$out"')
    assert done.stdout.splitlines()[-1] == "same", done.stderr


def test_what_has_no_build_has_no_shell(shop: Shop) -> None:
    assert shop.run("develop", "note", "-c", "true").returncode == 2
    assert shop.run("develop", "userland", "-c", "true").returncode == 2


def test_a_script_that_is_a_file_is_there_in_its_phases(shop: Shop) -> None:
    line = 'cat patches/0001.patch; phase_look && phase_install; cat "$out/found" "$out/changed"'
    done = shop.run("develop", "long-script", "-c", line)
    assert done.returncode == 0, done.stderr
    upstream = shop.path("realise", "upstream")
    assert done.stdout.splitlines() == [
        *(f"for {upstream}", "@phase look", "@phase install"),
        *("/build", ".", "./build.sh", "./patches", "./patches/0001.patch", f"for {upstream}"),
        "build.sh regular file 644 1",
        "patches/0001.patch regular file 644 1",
        *(f"for {upstream}", "changed"),
    ]
    shown = shop.run("show", "long-script").stdout
    assert "look" in shown and "install" in shown


def test_the_tree_of_a_failed_build_has_its_files_as_it_left_them(shop: Shop) -> None:
    done = shop.run("realise", "--keep-failed", "long-failure")
    assert done.returncode == 31
    kept = re.search(r"kept at (\S+);", done.stderr)
    assert kept is not None
    for _ in range(2):
        line = "find . | sort; cat below/note; echo again >> below/note"
        done = shop.run("enter", kept[1], "--command", line)
        assert done.returncode == 0, done.stderr
        found = done.stdout.splitlines()
        assert found[:6] == [".", "./below", "./below/note", "./build.sh", "some", "more"]
    assert found[6:] == ["again"]
