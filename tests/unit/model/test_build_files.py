"""The files of a derivation: which there can be, and in which folders."""

from __future__ import annotations

from dataclasses import replace

import pytest

from store.errors import FormatError
from store.model import build_files
from store.model.build_files import BuildFiles, check_files, folders_of
from store.model.derivation import Derivation
from store.model.phase_script import phase_script
from tests.golden.examples import DERIVATION, RESOLVED, RESOLVED_WITH_FILES, WITH_FILES


@pytest.mark.parametrize(
    "path",
    ["a", "build.sh", ".config", "...", "a/b/c", "0001-a+b=c?@,~_.patch", "obj", "p" * 255],
)
def test_a_file_has_a_relative_path_of_plain_parts(path: str) -> None:
    check_files(((path, ""),))


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/.", "../a", "a/../b", "a/.."),
        *("a\0", "\0", "a b", "a\nb", "caf\xe9", "a\\b", "$a", "a:b", "-a", "a/-b", "\ud800"),
        "p" * 256,
    ],
)
def test_no_other_path_is_taken(path: str) -> None:
    with pytest.raises(FormatError, match="cannot name a file in /build"):
        check_files(((path, ""),))


@pytest.mark.parametrize(
    "paths",
    [("a", "a/b"), ("a", "a-b", "a/b"), ("a", "a/b/c"), ("a/b", "a/b/c"), ("a/b", "a/b-", "a/b/c")],
)
def test_no_file_is_a_folder_of_another(paths: tuple[str, ...]) -> None:
    with pytest.raises(FormatError, match="a folder of another one"):
        check_files(tuple((path, "") for path in paths))


def test_files_have_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    half = "\xe4" * (build_files.MOST_BYTES // 4)
    check_files((("a", half), ("b", half)))
    with pytest.raises(FormatError, match="files of 8388609 bytes, and 8388608 are allowed"):
        check_files((("a", half), ("b", half), ("c", "x")))
    most: BuildFiles = tuple((f"{number:04}", "") for number in range(build_files.MOST_FILES + 1))
    check_files(most[1:])
    with pytest.raises(FormatError, match="1001 files, and 1000 are allowed"):
        check_files(most)


def test_a_text_has_a_form_in_utf_8() -> None:
    with pytest.raises(FormatError, match="no form in UTF-8"):
        check_files((("a", "\ud800"),))
    check_files((("a", "\0\r\n\x1b"),))


def test_a_folder_comes_after_the_one_that_it_is_in() -> None:
    files = tuple((path, "") for path in ("a/b/c/d", "a/b2/e", "f", "g/h"))
    assert [*folders_of(files)] == ["a", "a/b", "a/b/c", "a/b2", "g"]


@pytest.mark.parametrize(
    ("node", "other"), [(DERIVATION, WITH_FILES), (RESOLVED, RESOLVED_WITH_FILES)]
)
def test_without_files_a_record_is_what_it_was_before_there_were_any(
    node: object, other: object
) -> None:
    assert isinstance(node, type(other))
    without = replace(other, args=node.args, files=())  # type: ignore[type-var,attr-defined]
    assert without.encode() == node.encode()  # type: ignore[attr-defined]


def test_phases_are_read_from_the_file_that_the_last_argument_names() -> None:
    script = "echo '@phase build'\nmake\n"
    node = replace(WITH_FILES, files=(("build.sh", script), ("other", "")))
    found = phase_script(node)
    assert found is not None
    assert [name for name, _ in found.phases] == ["build"]
    for args in (("-eu", "/build/other"), ("/build/build.sh", "x"), ("build.sh",), ()):
        assert phase_script(replace(node, args=args)) is None
    assert phase_script(replace(node, args=("-c", script))) == found


def test_variables_are_found_behind_the_lines_that_begin_a_script() -> None:
    script = (
        "set -eu\ncd /build\nout=/store/x\nname=y\nmkdir a\nPATH=$PATH:/build/a\n"
        "echo '@phase build'\nmake\n"
    )
    node = Derivation("a", "x86_64-linux", "/bin/sh", ("-eu", "-c", script))
    found = phase_script(node)
    assert found is not None
    assert found.variables == "out=/store/x\nname=y\nPATH=$PATH:/build/a\n"
    assert found.preparation == "mkdir a\nPATH=$PATH:/build/a\n"


def test_functions_and_traps_may_stand_between_the_variables_of_a_script() -> None:
    script = (
        'set -eu\nfault() { echo "$1"; }\nstep=\ntrap \'test -z "$step"\' EXIT\ncd /build\n'
        "out=/store/x\nmkdir a\necho '@phase build'\nmake\n"
    )
    found = phase_script(Derivation("a", "x86_64-linux", "/bin/sh", ("-eu", "-c", script)))
    assert found is not None
    assert found.variables == 'fault() { echo "$1"; }\nstep=\nout=/store/x\n'
    assert found.preparation == "mkdir a\n"


def test_arguments_and_variables_are_as_long_as_a_program_takes() -> None:
    word = "é" * 65535  # and a byte
    fits = replace(DERIVATION, args=(word + "a",), env=(("A", word[:-1] + "a"),))
    with pytest.raises(FormatError, match="an argument has 131072 bytes, and 131071 are allowed"):
        replace(fits, args=(word + "ab",))
    with pytest.raises(FormatError, match="the variable 'A' has 131072 bytes"):
        replace(fits, env=(("A", word),))
    assert replace(fits, builder="builtin:unpack", args=(word * 2,), files=())
