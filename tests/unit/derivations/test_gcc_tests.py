"""gcc's own tests in the chain: how results are compared, with a compiler of shell scripts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from derivations.chain.gcc_tests import TESTS_GCC3, TESTS_GCC10
from derivations.kit import Recipe

SH = shutil.which("sh") or "/bin/sh"

# It refuses what says so, and copies all else, with the words that it was called with on top.
COMPILER = """\
level=$1
case $* in *-o*) while [ "$1" != -o ]; do shift; done ;; esac
grep -q refused "$3" && exit 1
{ echo "#!/bin/sh"; echo "level=$level"; cat "$3"; } > "$2"
chmod 755 "$2"
"""

PASSES = "exit 0\n"
REFUSED = "# refused\n"
FAILS = "exit 1\n"
FAILS_OPTIMISED = '[ "$level" != -O2 ]\n'


def compared(
    tmp_path: Path, programs: dict[str, str], known: str, compiler: str = COMPILER
) -> tuple[int, str]:
    """Return how the phase for gcc 10 ends, and its output."""
    tests = tmp_path / "source/gcc/testsuite/gcc.c-torture/execute"
    for name, text in programs.items():
        path = tests / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name, text in TESTS_GCC10.files:
        (tmp_path / name).write_text(known if name == "gcc10-c" else text)
    (tmp_path / "compiler").write_text(compiler)
    (tmp_path / "obj").mkdir()
    lines = "\n".join(TESTS_GCC10.phase("programs").lines)
    command = f"export compile='{SH} {tmp_path}/compiler'"
    assert "export compile='gcc -w'" in lines
    result = subprocess.run(
        [SH, "-eu", "-c", lines.replace("export compile='gcc -w'", command)],
        cwd=tmp_path / "obj",
        env={
            "PATH": "/usr/bin:/bin",
            "chain_gcc10_tests_source": str(tmp_path / "source"),
            "out": str(tmp_path / "out"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("known", "code"),
    [
        ("# reason\nb run-O0 run-O2\nc compile-O0 compile-O2\nieee/d run-O2\n", 0),
        # One of them is not listed, or passes, or fails in another way.
        ("# reason\nb run-O0 run-O2\nc compile-O0 compile-O2\n", 1),
        ("# reason\na run-O0 run-O2\nb run-O0 run-O2\nc compile-O0 compile-O2\nieee/d run-O2\n", 1),
        ("# reason\nb run-O0\nc compile-O0 compile-O2\nieee/d run-O2\n", 1),
    ],
)
def test_failures_have_to_be_the_known_ones(tmp_path: Path, known: str, code: int) -> None:
    programs = {"a.c": PASSES, "b.c": FAILS, "c.c": REFUSED, "ieee/d.c": FAILS_OPTIMISED}
    found, output = compared(tmp_path, programs, known)
    assert (found, output) == (code, output)
    failed = tmp_path / "out/gcc10-c"
    assert failed.exists() == (code == 0), output
    assert code or "4 programs, of which 3 fail as is known" in output
    assert code == 0 or ": known as: " in output


def test_a_program_is_compiled_with_the_words_that_it_asks_for(tmp_path: Path) -> None:
    asking = (
        '# /* { dg-options "-fone -ftwo" } */\n'
        '# /* { dg-additional-options "-fthree" } */\n'
        '# /* { dg-options "-fother" { target other-*-* } } */\n'
    )
    words = tmp_path / "words"
    compiler = f'echo "$*" >> {words}\n{COMPILER}'
    beside = 'if { $other } {\n    lappend additional_flags "-fother"\n}\n'
    beside += 'lappend additional_flags "-ffour" "-ffive"\n'
    code, output = compared(tmp_path, {"a.c": asking + PASSES, "a.x": beside}, "", compiler)
    assert code == 0, output
    asked = ["-fone", "-ftwo", "-fthree", "-ffour", "-ffive", "-o"]
    assert [line.split()[:7] for line in words.read_text().splitlines()] == [
        ["-O0", *asked],
        ["-O2", *asked],
    ]


@pytest.mark.parametrize("recipe", [TESTS_GCC10, TESTS_GCC3])
def test_each_program_that_is_known_to_fail_stands_below_a_reason(recipe: Recipe) -> None:
    lists = [(name, text) for name, text in recipe.files if name.startswith("gcc")]
    assert lists
    for name, text in lists:
        lines = text.splitlines()
        names = [line.split()[0] for line in lines if not line.startswith("#")]
        assert len(names) == len(set(names)), name
        assert not lines or lines[0].startswith("# "), name
