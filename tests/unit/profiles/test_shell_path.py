"""Lines for shells: they quote any path, and have none that a PATH cannot."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from store.errors import UsageError
from store.layout.paths import Layout
from store.profiles import launcher, shell_path
from store.profiles.shell_path import kind_of_shell, shell_lines


@pytest.mark.parametrize("profile", ["/home/x/p", "/it's $mine/`p`\\", '/a "b"/*?'])
def test_a_path_of_any_letters_is_put_first_and_once(profile: str, tmp_path: Path) -> None:
    lines = shell_lines(profile, Layout(str(tmp_path)), "sh")
    script = f'{lines}\n{lines}\nprintf "%s" "$PATH"'
    for given, found in (("/bin", f"{profile}/launchers:/bin"), ("", f"{profile}/launchers")):
        done = subprocess.run(
            ["/bin/sh", "-c", script], env={"PATH": given}, capture_output=True, check=True
        )
        assert done.stdout.decode() == found


def test_fish_has_words_of_its_own(tmp_path: Path) -> None:
    line = shell_lines("/it's\\", Layout(str(tmp_path)), "fish")
    word = "'/it\\'s\\\\/launchers'"
    assert line == f"contains -- {word} $PATH; or set -gx PATH {word} $PATH"


def test_where_the_store_is_real_both_folders_of_programs_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "is_real", lambda layout: True)
    lines = shell_lines("/p", Layout(str(tmp_path)), "sh")
    done = subprocess.run(
        ["/bin/sh", "-c", f'{lines}\necho "$PATH"'],
        env={"PATH": "/x"},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"/p/bin:/p/sbin:/x\n"


def test_a_colon_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="colon"):
        shell_lines("/a:b", Layout(str(tmp_path)), "sh")


@pytest.mark.parametrize(
    ("given", "found"),
    [("/usr/bin/fish", "fish"), ("/bin/zsh", "zsh"), ("/bin/tcsh", "sh"), ("", "sh")],
)
def test_the_users_shell_is_known_by_name(given: str, found: str) -> None:
    assert kind_of_shell(given) == found
    assert found in shell_path.SHELLS
