"""``store develop``: the sandbox of a build before anything ran."""

from __future__ import annotations

import os

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
